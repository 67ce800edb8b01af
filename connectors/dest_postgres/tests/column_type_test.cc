#include "tests/batches.h"

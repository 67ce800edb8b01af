#include "tests/postgres_fixture.h"

#include "source.h"

RAPIDBYTE_SOURCE(rapidbyte::source_file::FileSource)

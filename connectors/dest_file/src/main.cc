#include "connectors/dest_file/src/dialect.h"

RAPIDBYTE_DESTINATION(rapidbyte::table::Destination<rapidbyte::dest_file::FileDialect>)

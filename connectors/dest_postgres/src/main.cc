#include "src/dialect.h"

RAPIDBYTE_DESTINATION(rapidbyte::dest_postgres::PostgresDestination)

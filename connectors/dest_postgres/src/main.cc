#include "src/destination.h"

RAPIDBYTE_DESTINATION(rapidbyte::dest_postgres::PostgresDestination)

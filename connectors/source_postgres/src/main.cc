#include "source.h"

RAPIDBYTE_SOURCE(rapidbyte::source_postgres::PostgresSource)

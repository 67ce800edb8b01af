#include "connectors/source_parquet/src/source.h"

RAPIDBYTE_SOURCE(rapidbyte::source_parquet::ParquetSource)

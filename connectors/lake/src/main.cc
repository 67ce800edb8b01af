#include "connectors/dest_duckdb/src/dialect.h"
#include "connectors/dest_file/src/dialect.h"
#include "connectors/source_duckdb/src/source.h"
#include "connectors/source_parquet/src/source.h"
#include "connectors/transform_check/src/transform.h"
#include "connectors/transform_columns/src/transform.h"
#include "connectors/transform_sql/src/transform.h"
#include "rapidbyte/sdk/registered_connector.h"

RAPIDBYTE_CONNECTORS(
    rapidbyte::sdk::destination_named<rapidbyte::table::Destination<rapidbyte::dest_duckdb::DuckdbDialect>>(
        "dest-duckdb"),
    rapidbyte::sdk::destination_named<rapidbyte::table::Destination<rapidbyte::dest_file::FileDialect>>("dest-file"),
    rapidbyte::sdk::source_named<rapidbyte::source_duckdb::DuckdbSource>("source-duckdb"),
    rapidbyte::sdk::source_named<rapidbyte::source_parquet::ParquetSource>("source-parquet"),
    rapidbyte::sdk::transform_named<rapidbyte::transform_check::Transform>("transform-check"),
    rapidbyte::sdk::transform_named<rapidbyte::transform_columns::Transform>("transform-columns"),
    rapidbyte::sdk::transform_named<rapidbyte::transform_sql::Transform>("transform-sql"))

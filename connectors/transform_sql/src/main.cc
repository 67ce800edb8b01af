#include "connectors/transform_sql/src/transform.h"

RAPIDBYTE_TRANSFORM(rapidbyte::transform_sql::Transform)

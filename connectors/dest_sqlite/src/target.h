#pragma once
// From a stream's schema to the table that takes it: makes the table or fits an existing one under the pipeline's
// schema_evolution policies, and says for each column of the batch where and how it is stored.

#include <string>
#include <vector>

#include "rapidbyte/sdk/context.h"
#include "src/column_type.h"
#include "src/table.h"

namespace rapidbyte::dest_sqlite {

/// How one column of the batch is stored.
struct ColumnPlan {
  size_t source = 0;   // index in the batch
  std::string name;    // as the table spells it
  Affinity affinity = Affinity::kBlob;
  bool coerce = false;          // its type changed: convert value by value
  bool null_if_changed = false;  // a value that cannot be converted becomes NULL instead of a refused row
  // The column takes no values of the source's type, and none may have come yet: what TYPE_CHANGED says when one does.
  std::string type_changed = {};
  bool refuse_null = false;  // part of the upsert key, or the table's row number
};

struct TargetPlan {
  std::string table;
  std::vector<ColumnPlan> columns;
  std::vector<std::string> key;  // upsert only
  /// The table has triggers: rows go in one by one, so that a refused one can be named.
  bool row_by_row = false;
};

struct TargetRequest {
  std::string table;
  std::string stream;  // for messages
  sdk::Schema schema;
  std::vector<std::string> key;  // upsert only
  sdk::Policies policies;
};

/// Makes or fits the table. Errors (schema): NEW_COLUMN, REMOVED_COLUMN, NULLABILITY_CHANGED, COLUMN_REQUIRED,
/// GENERATED_COLUMN, PRIMARY_KEY_MISSING, UPSERT_KEY_NOT_UNIQUE and those of check_columns(). Each
/// names the stream, the column and the setting that would allow it.
Result<TargetPlan> prepare_target(Database& database, const TargetRequest& request);

/// UPSERT_KEY_NOT_UNIQUE (schema) unless exactly these columns of the table are unique together.
Status check_upsert_key(Database& database, std::string_view table, const std::vector<std::string>& key);

}  // namespace rapidbyte::dest_sqlite

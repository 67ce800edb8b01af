#pragma once
// From a stream's schema to the table that takes it: makes the table or fits an existing one under the pipeline's
// schema_evolution policies, and says for each column of the batch where and how it is stored.

#include <functional>
#include <string>
#include <vector>

#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/sdk/context.h"
#include "src/column_plan.h"
#include "src/table.h"

namespace rapidbyte::dest_postgres {

struct TargetRequest {
  TableName name;
  std::string stream;  // for messages
  /// The batch's schema, with what the stream's context says about each column (see with_context()).
  sdk::Schema schema;
  std::vector<std::string> key;  // upsert only
  sdk::Policies policies;
  /// Whether the batch that has come has any row; one without may only say which columns there are.
  bool has_rows = true;
  /// Whether a column of the batch that has come (an index of `schema`) has any value. A column of nothing but nulls
  /// fits every type: a file's column without values has none.
  std::function<bool(size_t column)> has_values = [](size_t) { return true; };
  /// The table as it is now, when the caller has just looked at it.
  std::optional<TableInfo> seen = {};
};

/// `schema` with native_type, special_values and native_fields of the columns that the context describes in the same
/// way.
sdk::Schema with_context(const sdk::Schema& schema, const sdk::Schema& context);

/// Makes or fits the table, inside the open transaction. Errors (schema): NEW_COLUMN, REMOVED_COLUMN, TYPE_CHANGED,
/// NULLABILITY_CHANGED, COMPOSITE_CHANGED, COLUMN_REQUIRED, GENERATED_COLUMN, NO_COLUMNS, PRIMARY_KEY_MISSING,
/// UPSERT_KEY_NOT_UNIQUE and those of check_columns(). Each names the stream, the column and the setting that would
/// allow it.
Result<TargetPlan> prepare_target(Session& session, const TargetRequest& request);

/// UPSERT_KEY_NOT_UNIQUE (schema) unless exactly these columns of the table are unique together.
Status check_upsert_key(Session& session, const TableInfo& table, const std::vector<std::string>& key);

}  // namespace rapidbyte::dest_postgres

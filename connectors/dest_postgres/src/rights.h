#pragma once
// What the user of the session may do, for `check`: asked once, before anything is loaded.

#include <string>

#include "rapidbyte/sdk/connector.h"
#include "src/session.h"
#include "src/table_writer.h"

namespace rapidbyte::dest_postgres {

/// Fails where every load would fail, and warns about rights that some loads lack, each with the statement that grants
/// it. `receipts_schema`: empty for that of the tables. Requires an open session.
Result<sdk::Validation> check_rights(Session& session, const std::string& receipts_schema, LoadMethod method);

}  // namespace rapidbyte::dest_postgres

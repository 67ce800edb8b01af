#include "child_tables.h"

#include <charconv>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_postgres {

namespace {

using sdk::Status;

postgres::Oid oid_of(const std::optional<std::string>& text) {
  postgres::Oid value = 0;
  if (text) (void)std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

}  // namespace

Status choose_child_rows(const StreamOptions& options, Relation& relation, TableQuery& query) {
  if (relation.kind == 'p' && options.child_rows == false && !options.all_streams) {
    return sdk::config_error(codes::kChildTables,
                             "child_tables: exclude leaves nothing of `" + relation.name.spelling("") +
                                 "`, because all rows of a partitioned table are in its partitions");
  }
  if (!relation.has_children) return {};
  if (options.child_rows.value_or(true)) {
    relation.take_child_rows();
  } else {
    query.only = true;
  }
  return {};
}

Status check_child_streams(Session& session, std::span<const StreamOptions> streams,
                           std::span<const Relation> relations) {
  std::string parents;
  std::string named;
  for (size_t i = 0; i < relations.size(); ++i) {
    const std::string oid = std::to_string(relations[i].oid);
    named += (named.empty() ? "" : ",") + oid;
    const bool has_more = relations[i].has_children || relations[i].kind == 'p';
    if (has_more && !streams[i].child_rows) parents += (parents.empty() ? "" : ",") + oid;
  }
  if (parents.empty() || relations.size() < 2) return {};
  RB_SDK_ASSIGN_OR_RETURN(
      const postgres::QueryResult found,
      query_catalog(
          session.connection,
          "WITH RECURSIVE tree(top, oid) AS (SELECT i.inhparent, i.inhrelid FROM pg_catalog.pg_inherits i "
          "WHERE i.inhparent = ANY ('{" +
              parents +
              "}'::pg_catalog.oid[]) UNION SELECT tree.top, i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i "
              "ON i.inhparent = tree.oid) SELECT top, oid FROM tree WHERE oid = ANY ('{" +
              named + "}'::pg_catalog.oid[]) ORDER BY top, oid LIMIT 1"));
  if (found.rows.empty()) return {};
  const auto stream_of = [&](const std::optional<std::string>& oid) {
    size_t at = 0;
    while (at + 1 < relations.size() && relations[at].oid != oid_of(oid)) ++at;
    return at;
  };
  const size_t parent = stream_of(found.rows[0][0]);
  const size_t child = stream_of(found.rows[0][1]);
  const std::string name = "'" + streams[parent].name + "'";
  return sdk::config_error(
      codes::kChildTables,
      "streams " + name + " and '" + streams[child].name + "': the rows of `" + relations[child].name.spelling("") +
          "` are rows of `" + relations[parent].name.spelling("") +
          "` as well, so that both streams would load them. " +
          (relations[parent].kind == 'p' ? "Name the partitioned table or its partitions; to load them twice"
                                         : "Leave them out of the parent with child_tables: exclude on stream " + name +
                                               ", or leave out one of the streams; to load them twice") +
          ", set child_tables: include on stream " + name);
}

}  // namespace rapidbyte::source_postgres

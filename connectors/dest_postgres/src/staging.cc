#include "src/staging.h"

#include <algorithm>
#include <charconv>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"
#include "src/table_shape.h"
#include "src/trust.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;
using table::quote_name;

constexpr std::string_view kPrefix = "_rapidbyte_staging_";
// The comment of a staging table: then the number of columns, a space, and the definition.
constexpr std::string_view kLike = "rapidbyte: rows of a load that is under way; like ";
// At its end, when the target was created with it.
constexpr std::string_view kMade = " of the table made for it";

uint64_t fnv1a(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3U;
  return hash;
}

std::string hex(uint64_t value) {
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[(value >> shift) & 15];
  return out;
}

// Queues a record of what the staging table is like, for whoever publishes it.
Status comment_staging(Session& session, const TableName& staging, const TableInfo& target,
                       const std::string& definition) {
  const std::string comment = std::string(kLike) + std::to_string(target.columns.size()) + " " + definition;
  return session.queue("COMMENT ON TABLE " + staging.sql() + " IS " + postgres::quote_literal(comment));
}

// Foreign keys of the target, so that rows that violate one are found one by one and not when all are published.
Status copy_foreign_keys(Session& session, const TableInfo& target, const TableName& staging) {
  const std::string name = target.name.sql();
  const Parameter parameters[] = {name};
  RB_SDK_ASSIGN_OR_RETURN(
      const postgres::QueryResult keys,
      session.connection().execute_cached(
          "SELECT pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint WHERE conrelid "
          "= pg_catalog.to_regclass($1::text) AND contype = 'f' AND confrelid <> conrelid",
          parameters));
  for (const postgres::Row& key : keys.rows) {
    RB_SDK_RETURN_NOT_OK(session.run("ALTER TABLE " + staging.sql() + " ADD " + key[0].value_or("")));
  }
  return {};
}

// NULL (absent), "ours", "own" (this user's table, but with triggers, rules or row security: it may be dropped, not
// used) or "foreign". Stricter than for the receipts: the owner of the staging table becomes the owner of the target.
// $1 and $2: its schema and name.
const std::string& staging_state_query() {
  const std::string condition = table_condition_sql("$1::text", "$2::text");
  static const std::string query =
      "SELECT (SELECT CASE WHEN c.relkind OPERATOR(pg_catalog.<>) 'r' OR c.relowner OPERATOR(pg_catalog.<>) (SELECT "
      "r.oid FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) current_user) THEN 'foreign' WHEN " +
      trust_sql(condition) +
      " OPERATOR(pg_catalog.=) 'ours' THEN 'ours' ELSE 'own' END FROM pg_catalog.pg_class c JOIN "
      "pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE " +
      condition + ")";
  return query;
}

Result<std::optional<std::string>> staging_state(Session& session, const TableName& target) {
  const TableName name = staging_name(target);
  const Parameter names[] = {name.schema, name.table};
  return session.cached_value(staging_state_query(), names);
}

}  // namespace

Status grant_as_new(Session& session, const TableName& table) {
  const std::string sql = table.sql();
  const Parameter parameters[] = {sql, table.schema, table.table};
  RB_SDK_ASSIGN_OR_RETURN(
      const postgres::QueryResult grants,
      session.connection().execute_cached(
          "SELECT format('GRANT %s ON TABLE %s TO %s%s', string_agg(DISTINCT a.privilege_type, ', '), $1::text, CASE "
          "a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END, CASE WHEN a.is_grantable "
          "THEN ' WITH GRANT OPTION' ELSE '' END) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN "
          "pg_default_acl d ON d.defaclrole = c.relowner AND d.defaclobjtype = 'r' AND d.defaclnamespace IN (0, "
          "n.oid), "
          "aclexplode(d.defaclacl) a WHERE a.grantee <> c.relowner AND n.nspname = $2 AND c.relname = $3 GROUP BY "
          "a.grantee, a.is_grantable",
          parameters));
  return run_statements(session, grants);
}

TableName staging_name(const TableName& target) {
  std::string name = std::string(kPrefix) + target.table;
  if (name.size() > kMaxNameBytes) {
    // Cut between characters, and made unique by a hash.
    std::string start = target.table.substr(0, kMaxNameBytes - kPrefix.size() - 17);
    while (!start.empty() && (static_cast<uint8_t>(target.table[start.size()]) & 0xC0U) == 0x80U) start.pop_back();
    name = std::string(kPrefix) + start + "_" + hex(fnv1a(target.table));
  }
  return {target.schema, std::move(name)};
}

namespace {

// Its owner decides about a table that was created in vain: it is dropped only if nobody has done anything with it, and
// nobody is kept waiting for that.
Status drop_made_target(Session& session, const Likeness& like, const TableName& target) {
  const auto drop = [&]() -> Status {
    RB_SDK_RETURN_NOT_OK(
        session.exec("SET LOCAL lock_timeout = '2s'; LOCK TABLE " + target.sql() + " IN ACCESS EXCLUSIVE MODE"));
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> made, read_table(session, target));
    if (!made) return {};
    RB_SDK_ASSIGN_OR_RETURN(const std::string definition, definition_number(session, *made));
    RB_SDK_ASSIGN_OR_RETURN(const bool bare, is_bare(session, *made));
    if (definition != like.definition || !bare) return {};
    RB_SDK_ASSIGN_OR_RETURN(const auto rows, session.value("SELECT EXISTS (SELECT FROM " + target.sql() + ")"));
    if (rows != "f") return {};
    return session.exec("DROP TABLE " + target.sql());
  };
  RB_SDK_RETURN_NOT_OK(session.exec("SAVEPOINT rapidbyte_made"));
  const Status dropped = drop();
  if (dropped.ok()) return session.exec("SET LOCAL lock_timeout = 0; RELEASE SAVEPOINT rapidbyte_made");
  if (!session.is_open()) return dropped;
  sdk::host::log_debug("table " + target.text() + ", which was made for a load, stays: " + dropped.error().message);
  return session.exec("ROLLBACK TO SAVEPOINT rapidbyte_made; RELEASE SAVEPOINT rapidbyte_made");
}

}  // namespace

Result<size_t> queue_staging_look(Session& session, const TableName& target) {
  const TableName name = staging_name(target);
  const Parameter names[] = {name.schema, name.table};
  return session.connection().queue(staging_state_query(), names, /*cached=*/true);
}

Result<bool> is_staged(const Session& session, const TableName& target, const std::string& stream,
                       const postgres::QueryResult& found) {
  const auto state = first_value(found);
  if (!state || *state == "ours") return state.has_value();
  const TableName name = staging_name(target);
  return sdk::config_error(codes::kStagingForeign,
                           "stream \"" + stream + "\": " + name.text() + " of " + session.options().where() +
                               ", into which the new rows would be loaded before they replace the old ones, was not "
                               "made by this user, is no plain table, or has triggers, rules or row security. Nothing "
                               "was written into it. Drop or rename it, and see who may create tables in schema " +
                               name.schema + ".");
}

Result<bool> has_staging(Session& session, const TableName& target, const std::string& stream) {
  RB_SDK_RETURN_NOT_OK(queue_staging_look(session, target).status());
  RB_SDK_ASSIGN_OR_RETURN(const auto answers, session.connection().run_queued());
  return is_staged(session, target, stream, answers.back());
}

Status drop_staging(Session& session, const TableName& target) {
  RB_SDK_ASSIGN_OR_RETURN(const auto state, staging_state(session, target));
  if (state != "ours" && state != "own") return {};
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> staging, read_table(session, staging_name(target)));
  if (!staging) return {};
  RB_SDK_RETURN_NOT_OK(queue_comment_look(session, staging->name).status());
  RB_SDK_ASSIGN_OR_RETURN(const auto comment, session.connection().run_queued());
  const Likeness like = likeness_in(first_value(comment.back()));
  if (like.made_target) RB_SDK_RETURN_NOT_OK(drop_made_target(session, like, target));
  return session.exec("DROP TABLE " + staging->name.sql());
}

std::string referring_sql(const std::string& table) {
  return "SELECT k.conrelid::regclass::text FROM pg_catalog.pg_constraint k WHERE k.confrelid = "
         "pg_catalog.to_regclass(" +
         table + "::text) AND k.contype = 'f' AND k.conrelid <> k.confrelid ORDER BY 1 LIMIT 1";
}

std::string direct_target_sql(const std::string& table) {
  return "SELECT c.oid FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(" + table +
         "::text) AND c.relkind = 'r' AND c.relam = 2 AND NOT c.relhasrules AND NOT c.relrowsecurity AND NOT EXISTS "
         "(SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal) AND NOT EXISTS (SELECT "
         "FROM pg_catalog.pg_publication) AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.confrelid = "
         "c.oid AND k.contype = 'f') AND pg_catalog.has_table_privilege(c.oid, 'DELETE')";
}

std::string empty_target_sql(const std::string& table, const std::string& staging_schema, const std::string& staging) {
  return "SELECT t.oid FROM (" + direct_target_sql(table) +
         ") t WHERE pg_catalog.pg_relation_size(t.oid) OPERATOR(pg_catalog.=) 0 AND NOT EXISTS (SELECT FROM "
         "pg_catalog.pg_class c JOIN "
         "pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace WHERE " +
         table_condition_sql(staging_schema + "::pg_catalog.text", staging + "::pg_catalog.text") + ")";
}

Status check_replaceable(const Session& session, const TableName& target, const std::string& stream,
                         const std::optional<std::string>& referring) {
  if (!referring) return {};
  return sdk::config_error(codes::kReplaceReferenced,
                           "stream \"" + stream + "\": rows of " + target.text() + " of " + session.options().where() +
                               " are referenced by foreign keys (of " + *referring +
                               "), so they cannot be replaced as a whole. Use write_mode upsert, or drop the "
                               "foreign key for the time of the load.");
}

namespace {

// Like an existing target.
Result<std::optional<TableInfo>> make_like(Session& session, const TableInfo& table, const sdk::StreamContext& ctx,
                                           const sdk::Schema& schema, const std::string& definition,
                                           bool target_stays) {
  const TableName name = staging_name(table.name);
  const bool rows_are_judged = ctx.policies.on_data_error != sdk::OnDataError::kFail;
  std::string like = " INCLUDING ALL EXCLUDING IDENTITY";
  // Where the rows are written a second time, the target's own indexes check them; here they would only cost time,
  // unless single rows are to be refused.
  if (target_stays && !rows_are_judged) like += " EXCLUDING INDEXES EXCLUDING STATISTICS";
  RB_SDK_RETURN_NOT_OK(session.queue("CREATE TABLE " + name.sql() + " (LIKE " + table.name.sql() + like + ")"));
  RB_SDK_RETURN_NOT_OK(comment_staging(session, name, table, definition));
  for (const TableColumn& column : table.columns) {
    // The target itself numbers the rows when they arrive.
    if (!column.identity || schema.index_of(column.name)) continue;
    RB_SDK_RETURN_NOT_OK(
        session.queue("ALTER TABLE " + name.sql() + " DROP COLUMN " + quote_name(column.name) + " CASCADE"));
  }
  const std::string sql = name.sql();
  const Parameter parameters[] = {sql, name.schema, name.table};
  RB_SDK_ASSIGN_OR_RETURN(const size_t rights,
                          session.connection().queue(kOthersRightsQuery, parameters, /*cached=*/true));
  RB_SDK_ASSIGN_OR_RETURN(const size_t made, queue_table_look(session, name));
  RB_SDK_ASSIGN_OR_RETURN(const auto answers, session.connection().run_queued());
  RB_SDK_RETURN_NOT_OK(run_statements(session, answers[rights]));
  if (rows_are_judged) RB_SDK_RETURN_NOT_OK(copy_foreign_keys(session, table, name));
  return table_of(session, name, answers[made]);
}

}  // namespace

Result<std::optional<TableInfo>> make_staging(Session& session, const TableName& target, const sdk::StreamContext& ctx,
                                              const sdk::Schema& schema) {
  const TableName name = staging_name(target);
  RB_SDK_ASSIGN_OR_RETURN(const size_t state_look, queue_staging_look(session, target));
  RB_SDK_ASSIGN_OR_RETURN(const size_t staging_look, queue_table_look(session, name));
  // Before the target: a change before the copy is made lets the staging table look older than it is, not newer.
  RB_SDK_ASSIGN_OR_RETURN(const size_t definition_look, queue_definition_look(session, target));
  RB_SDK_ASSIGN_OR_RETURN(const size_t table_look, queue_table_look(session, target));
  RB_SDK_ASSIGN_OR_RETURN(const size_t reasons_look, queue_own_reasons_look(session, target));
  RB_SDK_ASSIGN_OR_RETURN(const auto answers, session.connection().run_queued());
  RB_SDK_ASSIGN_OR_RETURN(const bool there, is_staged(session, target, ctx.stream_name, answers[state_look]));
  // Made by another writer of this load.
  if (there) return table_of(session, name, answers[staging_look]);
  RB_SDK_ASSIGN_OR_RETURN(std::optional<TableInfo> table, table_of(session, target, answers[table_look]));
  if (table) {
    return make_like(session, *table, ctx, schema, first_value(answers[definition_look]).value_or(""),
                     !reasons_of(answers[reasons_look]).empty());
  }
  RB_SDK_RETURN_NOT_OK(table::check_columns(ctx.stream_name, schema, kColumnLimits));
  RB_SDK_RETURN_NOT_OK(ensure_schema(session, target.schema));
  const bool strict = ctx.policies.nullability_change == sdk::NullabilityChange::kFail;
  NewTable made{.name = name, .schema = schema, .key = {}, .declare_not_null = strict};
  RB_SDK_RETURN_NOT_OK(create_table(session, made));
  RB_SDK_RETURN_NOT_OK(take_others_rights(session, name));
  RB_SDK_ASSIGN_OR_RETURN(std::optional<TableInfo> staging, read_table(session, name));
  if (!staging) return sdk::internal_error(codes::kTableLost, "table " + name.text() + " was not created");
  // A look at the catalogs that most tables do not need.
  const bool may_name = std::any_of(schema.fields.begin(), schema.fields.end(), [](const sdk::Field& field) {
    return field.type.is_text() && !native_type_text(field).empty();
  });
  if (!may_name) return staging;
  RB_SDK_ASSIGN_OR_RETURN(const bool named, may_name_tables(session, *staging));
  if (!named) return staging;
  made.name = target;
  RB_SDK_RETURN_NOT_OK(create_table(session, made));
  RB_SDK_ASSIGN_OR_RETURN(table, read_table(session, target));
  if (!table) return sdk::internal_error(codes::kTableLost, "table " + target.text() + " was not created");
  RB_SDK_ASSIGN_OR_RETURN(const std::string definition, definition_number(session, *table));
  RB_SDK_RETURN_NOT_OK(comment_staging(session, name, *table, definition + std::string(kMade)));
  return staging;
}

Result<size_t> queue_comment_look(Session& session, const TableName& table) {
  const std::string name = table.sql();
  const Parameter parameters[] = {name};
  return session.connection().queue("SELECT pg_catalog.obj_description(pg_catalog.to_regclass($1::text), 'pg_class')",
                                    parameters, /*cached=*/true);
}

Likeness likeness_in(const std::optional<std::string>& comment) {
  Likeness like;
  std::string_view text = comment ? std::string_view(*comment) : std::string_view();
  if (!text.starts_with(kLike)) return like;
  text.remove_prefix(kLike.size());
  const auto count = std::from_chars(text.data(), text.data() + text.size(), like.columns);
  text.remove_prefix(static_cast<size_t>(count.ptr - text.data()));
  if (!text.starts_with(' ')) return like;
  like.made_target = text.ends_with(kMade);
  if (like.made_target) text.remove_suffix(kMade.size());
  like.definition = text.substr(1);
  return like;
}

}  // namespace rapidbyte::dest_postgres

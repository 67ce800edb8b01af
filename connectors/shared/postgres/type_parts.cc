#include "postgres/type_parts.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

namespace rapidbyte::postgres {

namespace {

// The server refuses types within themselves; a catalog that says otherwise must not end the program.
constexpr int kMaxDepth = 100;

template <typename T>
T number_of(const std::optional<std::string>& text) {
  T value{};
  if (text) (void)std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

// For people, and the same whatever words a server keeps for itself.
std::string spelled(const std::string& name) {
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return std::all_of(name.begin(), name.end(), is_plain) ? name : quote_identifier(name);
}

struct Field {
  std::string name;
  Oid type = 0;
  std::string formatted;
};
struct Type {
  char kind = 'b';
  Oid inner = 0;  // element, base, subtype, or a multirange's range
  std::string inner_formatted;
  std::vector<Field> fields;
};

class Describer {
 public:
  explicit Describer(std::map<Oid, Type> types) : types_(std::move(types)) {}

  // nullopt: there is no composite within.
  std::optional<std::string> describe(Oid oid, int depth = 0) {
    const auto found = types_.find(oid);
    if (found == types_.end() || depth > kMaxDepth) return std::nullopt;
    const Type& type = found->second;
    if (type.kind == 'c') {
      std::string out = "(";
      for (const Field& field : type.fields) {
        if (out.size() > 1) out += ',';
        out += spelled(field.name) + " " + describe(field.type, depth + 1).value_or(base_of(field));
      }
      return out + ")";
    }
    if (type.inner == 0) return std::nullopt;
    auto inner = describe(type.inner, depth + 1);
    if (!inner || type.kind == 'd') return inner;
    return *inner + (type.kind == 'r' ? " range" : type.kind == 'm' ? " multirange" : "[]");
  }

  [[nodiscard]] const std::map<Oid, Type>& types() const { return types_; }

 private:
  // A domain's values are its base's.
  std::string base_of(const Field& field) const {
    std::string out = field.formatted;
    auto type = types_.find(field.type);
    for (int depth = 0; depth < kMaxDepth && type != types_.end() && type->second.kind == 'd'; ++depth) {
      out = type->second.inner_formatted;
      type = types_.find(type->second.inner);
    }
    return out;
  }

  std::map<Oid, Type> types_;
};

// SQL of the text of a type with its modifier, without the schema of a user's.
std::string bare_type_sql(const std::string& oid, const std::string& modifier) {
  return "(SELECT CASE WHEN pg_catalog.strpos(f.text, f.schema) = 1 THEN pg_catalog.substr(f.text, "
         "pg_catalog.length(f.schema) + 1) ELSE f.text END FROM (SELECT pg_catalog.format_type(" +
         oid + ", " + modifier +
         ") AS text, (SELECT pg_catalog.quote_ident(n.nspname) || '.' FROM pg_catalog.pg_type x JOIN "
         "pg_catalog.pg_namespace n ON n.oid = x.typnamespace WHERE x.oid = " +
         oid + ") AS schema) f)";
}

}  // namespace

std::string type_parts_sql(std::string_view types) {
  // Multiranges came with server 14; as JSON the column may be absent.
  return "WITH RECURSIVE part(oid) AS (" + std::string(types) +
         " UNION SELECT i.oid FROM part JOIN pg_catalog.pg_type p ON p.oid = part.oid CROSS JOIN LATERAL ("
         "SELECT p.typelem UNION ALL SELECT p.typbasetype UNION ALL "
         "SELECT CASE WHEN r.rngtypid = p.oid THEN r.rngsubtype ELSE r.rngtypid END FROM pg_catalog.pg_range r WHERE "
         "r.rngtypid = p.oid OR pg_catalog.to_jsonb(r) ->> 'rngmultitypid' = p.oid::pg_catalog.text UNION ALL "
         "SELECT a.atttypid FROM pg_catalog.pg_attribute a WHERE p.typtype = 'c' AND a.attrelid = p.typrelid AND "
         "a.attnum > 0 AND NOT a.attisdropped) i(oid) WHERE i.oid <> 0)";
}

std::string names_objects_sql(std::string_view types, std::string_view names) {
  return type_parts_sql(types) + " SELECT 1 FROM part WHERE oid IN (" + std::string(names) + ") LIMIT 1";
}

std::string composite_fields_sql(std::string_view types) {
  return type_parts_sql(types) +
         " SELECT t.oid, t.typtype, CASE t.typtype WHEN 'd' THEN t.typbasetype WHEN 'r' THEN (SELECT r.rngsubtype FROM "
         "pg_catalog.pg_range r WHERE r.rngtypid = t.oid) WHEN 'm' THEN (SELECT r.rngtypid FROM pg_catalog.pg_range r "
         "WHERE pg_catalog.to_jsonb(r) ->> 'rngmultitypid' = t.oid::pg_catalog.text) ELSE t.typelem END, "
         "CASE t.typtype WHEN 'd' THEN " +
         bare_type_sql("t.typbasetype", "t.typtypmod") + " END, a.attname, a.atttypid, " +
         bare_type_sql("a.atttypid", "a.atttypmod") +
         " FROM part JOIN pg_catalog.pg_type t ON t.oid = part.oid LEFT JOIN pg_catalog.pg_attribute a ON t.typtype = "
         "'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY t.oid, a.attnum";
}

std::map<Oid, std::string> composite_fields(const QueryResult& answer) {
  std::map<Oid, Type> types;
  for (const Row& row : answer.rows) {
    Type& type = types[number_of<Oid>(row[0])];
    type.kind = row[1] && !row[1]->empty() ? row[1]->front() : 'b';
    type.inner = number_of<Oid>(row[2]);
    type.inner_formatted = row[3].value_or("");
    if (row[4]) type.fields.push_back({*row[4], number_of<Oid>(row[5]), row[6].value_or("")});
  }
  Describer describer(std::move(types));
  std::map<Oid, std::string> out;
  for (const auto& [oid, type] : describer.types()) {
    if (auto fields = describer.describe(oid)) out.emplace(oid, std::move(*fields));
  }
  return out;
}

}  // namespace rapidbyte::postgres

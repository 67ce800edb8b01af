#include "postgres/types/type_parts.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <vector>

#include "postgres/crypto.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::postgres {

namespace {

// The server's own types consist of a few domains on top of each other; longer chains are not followed.
constexpr int kMaxDomains = 100;
// As much as somebody may read in a message. A longer text is replaced by its hash: for a type that has two fields of
// one that has two fields of ... it would double at each level.
constexpr size_t kMaxText = 4096;

std::string hex_of(const Sha256Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const uint8_t byte : digest) out += {kDigits[byte >> 4], kDigits[byte & 15]};
  return out;
}

template <typename T>
T number_of(const std::optional<std::string>& text) {
  T value{};
  if (text) (void)std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

// For people, and independent of the words that a server reserves.
std::string spelled(const std::string& name) {
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return std::all_of(name.begin(), name.end(), is_plain) ? name : table::quote_name(name);
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

// Each type's text is built once, from those of the types within it and after them, so that neither many references to
// one type nor deep nesting cost more than the catalog's own size.
class Describer {
 public:
  explicit Describer(std::map<Oid, Type> types) : types_(std::move(types)) {
    for (const auto& [oid, type] : types_) describe(oid);
  }

  /// nullopt: there is no composite within.
  [[nodiscard]] const std::map<Oid, std::optional<std::string>>& texts() const { return texts_; }

 private:
  // With an explicit stack: whoever creates the types chooses how deeply they are nested.
  void describe(Oid wanted) {
    std::vector<Oid> open = {wanted};
    while (!open.empty()) {
      const Oid oid = open.back();
      const Type& type = types_.at(oid);
      // The server refuses types within themselves. If a catalog says otherwise, the inner one counts as unknown.
      if (texts_.try_emplace(oid).second) {
        push(type.inner, open);
        for (const Field& field : type.fields) push(field.type, open);
        continue;
      }
      open.pop_back();
      if (done_.insert(oid).second) texts_[oid] = text_of(type);
    }
  }

  void push(Oid oid, std::vector<Oid>& open) const {
    if (types_.contains(oid) && !texts_.contains(oid)) open.push_back(oid);
  }

  [[nodiscard]] std::optional<std::string> text_of(const Type& type) const {
    std::optional<std::string> out;
    if (type.kind == 'c') {
      out = "(";
      for (const Field& field : type.fields) {
        if (out->size() > 1) *out += ',';
        *out += spelled(field.name) + " " + known(field.type).value_or(base_of(field));
      }
      *out += ")";
    } else if (type.inner != 0) {
      out = known(type.inner);
      if (out && type.kind != 'd') *out += type.kind == 'r' ? " range" : type.kind == 'm' ? " multirange" : "[]";
    }
    if (out && out->size() > kMaxText) out = "sha256:" + hex_of(sha256(bytes_of(*out)));
    return out;
  }

  [[nodiscard]] std::optional<std::string> known(Oid oid) const {
    const auto found = texts_.find(oid);
    return found == texts_.end() ? std::nullopt : found->second;
  }

  // A domain's values are its base's.
  [[nodiscard]] std::string base_of(const Field& field) const {
    std::string out = field.formatted;
    auto type = types_.find(field.type);
    for (int depth = 0; depth < kMaxDomains && type != types_.end() && type->second.kind == 'd'; ++depth) {
      out = type->second.inner_formatted;
      type = types_.find(type->second.inner);
    }
    return out;
  }

  std::map<Oid, Type> types_;
  std::map<Oid, std::optional<std::string>> texts_;
  std::set<Oid> done_;
};

// SQL of the text of a type with its modifier, without the schema of a user's type.
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
  // Multiranges exist since server 14; as JSON the column may be absent.
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
  const Describer describer(std::move(types));
  std::map<Oid, std::string> out;
  for (const auto& [oid, text] : describer.texts()) {
    if (text) out.emplace(oid, *text);
  }
  return out;
}

}  // namespace rapidbyte::postgres

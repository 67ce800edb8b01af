#include "rapidbyte/runtime/connector/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/runtime/connector/config_schema.h"

namespace rapidbyte::runtime {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

json full_manifest() {
  return json::parse(R"({
    "manifest_version": "1.0", "id": "rapidbyte/source-postgres", "name": "PostgreSQL", "version": "0.1.0",
    "description": "d", "author": "a", "license": "Apache-2.0", "protocol_version": "2",
    "artifact": {"entry_point": "source_postgres.wasm", "checksum": "sha256:)" +
                     std::string(64, 'a') + R"(", "min_memory_mb": 128},
    "permissions": {
      "network": {"allowed_domains": ["db.example.com", "*.example.org"], "allow_runtime_config_domains": true,
                  "tls": "required"},
      "fs": {"preopens": ["/data"], "config_paths": [{"pointer": "/folder", "access": "read"},
                                                      {"pointer": "/path", "access": "read-write", "lock": "sqlite"}]},
      "env": {"allowed_vars": ["PGHOST"]}},
    "roles": {"source": {"supported_sync_modes": ["full_refresh", "incremental"], "features": ["stream-options"]},
              "destination": {"supported_write_modes": ["append"], "features": []}, "transform": {}, "utility": {}},
    "config_schema": {"type": "object"}, "stream_schema": {"type": "object"}, "x-unknown": 1})");
}

TEST(ParseManifest, AnUnknownFeatureIsAWarningAndKept) {
  json document = full_manifest();
  EXPECT_TRUE(parse_manifest(document.dump(), "m.json")->warnings.empty());
  document["roles"]["source"]["features"] = {"resume", "stream_options", "change-feed"};
  document["roles"]["destination"]["features"] = {"recepts"};
  const auto manifest = parse_manifest(document.dump(), "m.json");
  ASSERT_TRUE(manifest.ok()) << manifest.status().to_string();
  EXPECT_EQ(manifest->warnings,
            (std::vector<std::string>{
                "its manifest gives source the feature 'stream_options', which this version does not know; did you "
                "mean stream-options?",
                "its manifest gives source the feature 'change-feed', which this version does not know",
                "its manifest gives destination the feature 'recepts', which this version does not know; did you mean "
                "receipts?"}));
  EXPECT_EQ(manifest->source->features, (std::vector<std::string>{"resume", "stream_options", "change-feed"}));
  EXPECT_FALSE(manifest->source->has_feature(protocol::Feature::kStreamOptions)) << "nearly is not the same";
}

TEST(ParseManifest, TheArgumentsOfTheComponentAreBounded) {
  json document = full_manifest();
  EXPECT_TRUE(parse_manifest(document.dump(), "m.json")->arguments.empty()) << "as before there were any";
  document["artifact"]["arguments"] = {"transform-columns", "\u00fc"};
  EXPECT_EQ(parse_manifest(document.dump(), "m.json")->arguments,
            (std::vector<std::string>{"transform-columns", "\u00fc"}));
  const std::vector<json> wrong = {json("x"),
                                   json::array({1}),
                                   json::array({""}),
                                   json::array({std::string("a\0b", 3)}),
                                   json::array({std::string(257, 'a')}),
                                   json(std::vector<std::string>(17, "a"))};
  for (const json& arguments : wrong) {
    document["artifact"]["arguments"] = arguments;
    const auto manifest = parse_manifest(document.dump(), "m.json");
    ASSERT_FALSE(manifest.ok()) << arguments;
    EXPECT_EQ(manifest.error().code, "MANIFEST_INVALID");
    EXPECT_THAT(manifest.error().message, HasSubstr("/artifact/arguments"));
  }
}

TEST(ParseManifest, ReadsEveryField) {
  auto manifest = parse_manifest(full_manifest().dump(), "m.json");
  ASSERT_TRUE(manifest.ok()) << manifest.status().to_string();
  EXPECT_EQ(manifest->manifest_version, "1.0");
  EXPECT_EQ(manifest->id, "rapidbyte/source-postgres");
  EXPECT_EQ(manifest->name, "PostgreSQL");
  EXPECT_EQ(manifest->version, "0.1.0");
  EXPECT_EQ(manifest->description, "d");
  EXPECT_EQ(manifest->author, "a");
  EXPECT_EQ(manifest->license, "Apache-2.0");
  EXPECT_EQ(manifest->protocol_version, "2");
  EXPECT_EQ(manifest->entry_point, "source_postgres.wasm");
  EXPECT_EQ(manifest->checksum, "sha256:" + std::string(64, 'a'));
  EXPECT_EQ(manifest->min_memory_mb, 128U);
  EXPECT_EQ(manifest->permissions.network.allowed_domains,
            (std::vector<std::string>{"db.example.com", "*.example.org"}));
  EXPECT_TRUE(manifest->permissions.network.allow_runtime_config_domains);
  EXPECT_EQ(manifest->permissions.network.tls, TlsPolicy::kRequired);
  EXPECT_EQ(manifest->permissions.preopens, (std::vector<std::string>{"/data"}));
  ASSERT_EQ(manifest->permissions.config_paths.size(), 2U);
  EXPECT_EQ(manifest->permissions.config_paths[0].pointer, "/folder");
  EXPECT_FALSE(manifest->permissions.config_paths[0].read_write);
  EXPECT_TRUE(manifest->permissions.config_paths[1].read_write);
  EXPECT_EQ(manifest->permissions.config_paths[1].lock, "sqlite");
  EXPECT_EQ(manifest->permissions.env_allowed_vars, (std::vector<std::string>{"PGHOST"}));
  ASSERT_TRUE(manifest->source);
  EXPECT_EQ(manifest->source->modes, (std::vector<std::string>{"full_refresh", "incremental"}));
  EXPECT_TRUE(manifest->source->has_feature(protocol::Feature::kStreamOptions));
  EXPECT_FALSE(manifest->source->has_feature(protocol::Feature::kResume));
  ASSERT_TRUE(manifest->destination);
  EXPECT_TRUE(manifest->transform);
  EXPECT_TRUE(manifest->utility);
  EXPECT_EQ(manifest->config_schema, json({{"type", "object"}}));
  EXPECT_EQ(manifest->stream_schema, json({{"type", "object"}}));
}

TEST(ParseManifest, LeavesDefaultsThatGiveNothing) {
  const json minimal = {{"manifest_version", "1.0"},
                        {"id", "a/b"},
                        {"name", "b"},
                        {"version", "1"},
                        {"protocol_version", "2"},
                        {"roles", {{"source", json::object()}}}};
  auto manifest = parse_manifest(minimal.dump(), "m.json");
  ASSERT_TRUE(manifest.ok()) << manifest.status().to_string();
  EXPECT_TRUE(manifest->permissions.network.allowed_domains.empty());
  EXPECT_FALSE(manifest->permissions.network.allow_runtime_config_domains);
  EXPECT_EQ(manifest->permissions.network.tls, TlsPolicy::kOptional);
  EXPECT_TRUE(manifest->permissions.preopens.empty());
  EXPECT_TRUE(manifest->permissions.config_paths.empty());
  EXPECT_FALSE(manifest->checksum);
  EXPECT_FALSE(manifest->destination);
  EXPECT_FALSE(manifest->utility);
  EXPECT_TRUE(manifest->config_schema.is_null());
}

TEST(ParseManifest, NamesThePointerOfWhateverIsWrong) {
  struct Case {
    const char* pointer;
    json value;
    const char* message;
  };
  for (const Case& c : std::vector<Case>{
           {"/manifest_version", "2.0", "/manifest_version"},
           {"/manifest_version", 1, "/manifest_version must be a text"},
           {"/id", "", "/id must not be empty"},
           {"/version", json(), "/version is missing"},
           {"/artifact", "x", "/artifact must be an object"},
           {"/artifact/checksum", "md5:abc", "/artifact/checksum must be sha256:"},
           {"/artifact/checksum", "sha256:zz", "/artifact/checksum must be sha256:"},
           {"/artifact/min_memory_mb", -1, "/artifact/min_memory_mb must be an integer"},
           {"/permissions/network/allowed_domains", "db", "/permissions/network/allowed_domains must be a list"},
           {"/permissions/network/allowed_domains",
            {1},
            "/permissions/network/allowed_domains must be a list of texts"},
           {"/permissions/network/allow_runtime_config_domains", "yes", "must be true or false"},
           {"/permissions/network/tls", "maybe", "/permissions/network/tls must be required, optional or forbidden"},
           {"/permissions/fs/config_paths", {"x"}, "/permissions/fs/config_paths/0 must be an object"},
           {"/permissions/fs/config_paths/0/pointer", "folder",
            "/permissions/fs/config_paths/0/pointer must be a JSON Pointer"},
           {"/permissions/fs/config_paths/1/access", "write",
            "/permissions/fs/config_paths/1/access must be read or read-write"},
           {"/permissions/fs/config_paths/1/lock", "flock", "/permissions/fs/config_paths/1/lock must be sqlite or duckdb"},
           {"/roles", json::object(), "/roles must name"},
           {"/roles", json(), "/roles is missing"},
           {"/roles/source/features", {{"a", 1}}, "/roles/source/features must be a list"},
           {"/config_schema", 5, "/config_schema is not a usable JSON Schema"},
           {"/config_schema", {{"$ref", "#"}}, "/config_schema is not a usable JSON Schema"},
       }) {
    json document = full_manifest();
    document[json::json_pointer(c.pointer)] = c.value;
    auto manifest = parse_manifest(document.dump(), "folder/m.json");
    ASSERT_FALSE(manifest.ok()) << c.pointer << " " << c.value;
    EXPECT_EQ(manifest.error().code, "MANIFEST_INVALID");
    EXPECT_EQ(manifest.error().category, ErrorCategory::kConfig);
    EXPECT_THAT(manifest.error().message, HasSubstr(c.message));
    EXPECT_THAT(manifest.error().message, HasSubstr("folder/m.json"));
  }
}

TEST(ParseManifest, ListsAllProblemsAtOnce) {
  auto manifest = parse_manifest(R"({"manifest_version": "1.0", "id": 5, "roles": []})", "m.json");
  ASSERT_FALSE(manifest.ok());
  for (const char* part : {"/id", "/name", "/version", "/protocol_version", "/roles"}) {
    EXPECT_THAT(manifest.error().message, HasSubstr(part));
  }
}

TEST(ParseManifest, SurvivesTextThatIsNoManifest) {
  for (const std::string& text :
       {std::string(""), std::string("{"), std::string("[]"), std::string("null"), std::string("\xff\xfe"),
        std::string(100000, '['), "{\"a\":" + std::string(2000, '[') + std::string(2000, ']') + "}"}) {
    auto manifest = parse_manifest(text, "m.json");
    ASSERT_FALSE(manifest.ok());
    EXPECT_EQ(manifest.error().code, "MANIFEST_INVALID");
  }
}

// --- schema ---------------------------------------------------------------------------------------------------------

std::string shown(const Result<std::vector<ConfigProblem>>& result) {
  if (!result.ok()) return result.status().to_string();
  std::string out;
  for (const auto& problem : *result) out += problem.pointer + ": " + problem.message + "\n";
  return out;
}

const json& postgres_schema() {
  static const json schema = json::parse(R"({
    "$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
    "properties": {
      "host": {"type": "string", "minLength": 1}, "port": {"type": "integer", "minimum": 1, "maximum": 65535},
      "password": {"type": "string", "minLength": 8, "pattern": "^[a-z]+$"},
      "sslmode": {"enum": ["disable", "require", "verify-full"]},
      "tables": {"type": "array", "items": {"$ref": "#/definitions/table"}, "minItems": 1, "uniqueItems": true},
      "api_token": {"enum": ["a", "b"]},
      "options": {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
    },
    "required": ["host", "port"], "additionalProperties": false,
    "definitions": {"table": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}})");
  return schema;
}

TEST(ValidateAgainstSchema, AcceptsAConfigThatFits) {
  const json config = {
      {"host", "db"}, {"port", 5432}, {"tables", {{{"name", "a"}}}}, {"options", {{"x", nullptr}, {"y", "z"}}}};
  EXPECT_EQ(shown(validate_against_schema(postgres_schema(), config)), "");
  EXPECT_EQ(shown(validate_against_schema(nullptr, json("anything"))), "");
  EXPECT_EQ(shown(validate_against_schema(true, json("anything"))), "");
  EXPECT_EQ(shown(validate_against_schema(json::object(), json(5))), "");
}

TEST(ValidateAgainstSchema, ListsEveryProblemWithItsPointer) {
  const json config = {{"hots", "db"},
                       {"port", "5432"},
                       {"sslmode", "requier"},
                       {"options", {{"a/b", 5}}},
                       {"tables", {{{"nmae", "a"}}, 7}}};
  auto result = validate_against_schema(postgres_schema(), config);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(
      shown(result),
      ": `host` is missing; is `hots` a misspelling of it?\n"
      "/hots: `hots` is unknown; did you mean `host`?\n"
      "/options/a~1b: expected a text or null, got an integer; put it in quotes\n"
      "/port: expected an integer, got a text; remove the quotes around it\n"
      "/sslmode: must be \"disable\", \"require\" or \"verify-full\", got \"requier\"; did you mean \"require\"?\n"
      "/tables/0: `name` is missing; is `nmae` a misspelling of it?\n"
      "/tables/1: expected an object, got an integer\n");
}

TEST(ValidateAgainstSchema, ExplainsEachKeyword) {
  struct Case {
    const char* schema;
    const char* value;
    const char* want;
  };
  for (const Case& c : std::initializer_list<Case>{
           {R"({"type": "object"})", "[]", ": expected an object, got a list\n"},
           {R"({"type": ["integer", "null"]})", "1.5", ": expected an integer or null, got a number\n"},
           {R"({"const": 3})", "4", ": must be 3, got 4\n"},
           {R"({"minimum": 1})", "0", ": must be at least 1, got 0\n"},
           {R"({"maximum": 5})", "6", ": must be at most 5, got 6\n"},
           {R"({"exclusiveMinimum": 1})", "1", ": must be more than 1, got 1\n"},
           {R"({"exclusiveMaximum": 1})", "1", ": must be less than 1, got 1\n"},
           {R"({"multipleOf": 4})", "6", ": must be a multiple of 4, got 6\n"},
           {R"({"minLength": 1})", R"("")", ": must not be empty\n"},
           {R"({"minLength": 3})", "\"ä\"", ": must have at least 3 characters, has 1\n"},
           {R"({"maxLength": 2})", R"("abc")", ": must have at most 2 characters, has 3\n"},
           {R"({"pattern": "^a"})", R"("b")", ": must match the pattern ^a, got \"b\"\n"},
           {R"({"minItems": 2})", "[1]", ": must have at least 2 items, has 1\n"},
           {R"({"maxItems": 1})", "[1, 2]", ": must have at most 1 items, has 2\n"},
           {R"({"uniqueItems": true})", "[1, 2, 1]", "/2: appears in the list twice, got 1\n"},
           {R"({"contains": {"const": 1}})", "[2]", ": lacks an item that it must contain\n"},
           {R"({"items": [{"type": "string"}], "additionalItems": false})", R"(["a", 1])",
            "/1: nothing is allowed here\n"},
           {R"({"minProperties": 1})", "{}", ": must have at least 1 keys, has 0\n"},
           {R"({"maxProperties": 0})", R"({"a": 1})", ": must have at most 0 keys, has 1\n"},
           {R"({"patternProperties": {"^x": {"type": "string"}}, "additionalProperties": false})",
            R"({"x1": 2, "y": 3})",
            "/x1: expected a text, got an integer; put it in quotes\n/y: `y` is unknown; no keys are allowed here\n"},
           {R"({"propertyNames": {"pattern": "^[a-z]+$"}})", R"({"A": 1})", "/A: this name of a key is not allowed\n"},
           {R"({"dependencies": {"user": ["password"]}})", R"({"user": 1})", ": `user` also needs `password`\n"},
           {R"({"properties": {"alpha": {}, "beta": {}}, "additionalProperties": false})", R"({"zzzzzz": 1})",
            "/zzzzzz: `zzzzzz` is unknown; known are alpha, beta\n"},
           {R"({"allOf": [{"minimum": 1}, {"maximum": -1}]})", "0",
            ": must be at least 1, got 0\n: must be at most -1, got 0\n"},
           {R"({"anyOf": [{"type": "string"}, {"type": "object", "properties": {"a": {"type": "integer"}}}]})",
            R"({"a": "x"})", "/a: expected an integer, got a text\n"},
           {R"({"anyOf": [{"type": "string"}, {"type": "boolean"}]})", "5",
            ": matches none of the allowed forms: expected a text, got an integer; put it in quotes; or expected true "
            "or "
            "false, got an "
            "integer\n"},
           {R"({"oneOf": [{"minimum": 1}, {"minimum": 2}]})", "3", ": matches 2 of the mutually exclusive forms\n"},
           {R"({"not": {"const": 5}})", "5", ": has a form that is not allowed, got 5\n"},
           {R"({"if": {"properties": {"tls": {"const": true}}}, "then": {"required": ["ca"]}})", R"({"tls": true})",
            ": `ca` is missing\n"},
           {"false", "1", ": nothing is allowed here\n"},
       }) {
    EXPECT_EQ(shown(validate_against_schema(json::parse(c.schema), json::parse(c.value))), c.want) << c.schema;
  }
}

TEST(ValidateAgainstSchema, NeverShowsAValueThatMightBeSecret) {
  const json config = {{"host", "db"}, {"port", 1}, {"password", "hunter2"}, {"api_token", "hunter2"}};
  const std::string text = shown(validate_against_schema(postgres_schema(), config));
  EXPECT_THAT(text, HasSubstr("/password"));
  EXPECT_THAT(text, HasSubstr("/api_token"));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  // Nor below such a key, nor inside a connection string.
  const json schema = json::parse(R"({"properties": {"credentials": {"additionalProperties": {"enum": ["a"]}},
                                                     "target": {"pattern": "^x"}, "dsn": {"pattern": "^x"}}})");
  const json nested = {
      {"credentials", {{"value", "hunter2"}}}, {"target", "pg://me:hunter2@db"}, {"dsn", "host=a password=hunter2"}};
  const std::string nested_text = shown(validate_against_schema(schema, nested));
  EXPECT_THAT(nested_text, HasSubstr("/credentials/value"));
  EXPECT_THAT(nested_text, Not(HasSubstr("hunter2")));
}

TEST(ValidateAgainstSchema, ABrokenSchemaIsTheManifestsFault) {
  for (const char* schema : {"5", "[]", R"("x")", R"({"type": "strin"})", R"({"properties": []})", R"({"required": 5})",
                             R"({"minimum": {}})", R"({"pattern": "("})", R"({"$ref": "#/definitions/none"})",
                             R"({"$ref": "http://example.com/schema"})"}) {
    auto result = validate_against_schema(json::parse(schema), json("x"));
    ASSERT_FALSE(result.ok()) << schema;
    EXPECT_EQ(result.error().code, "MANIFEST_INVALID") << schema;
  }
}

TEST(ValidateAgainstSchema, ASchemaThatRefersToItselfWithoutEndIsRefused) {
  for (
      const char* schema :
      {R"({"$ref": "#"})", R"({"allOf": [{"$ref": "#"}]})", R"({"not": {"$ref": "#"}})", R"({"if": {"$ref": "#"}})",
       R"({"definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}},
            "$ref": "#/definitions/a"})",
       R"({"properties": {"x": {"$ref": "#/properties/x"}}})", R"({"dependencies": {"a": {"$ref": "#"}}})",
        // The same ways, spelled as the validator understands them and a search for "/properties/a" does not.
       R"({"properties": {"a": {"$ref": "#"}}, "allOf": [{"$ref": "#//properties/a"}]})",
       R"({"properties": {"a": {"$ref": "#"}}, "allOf": [{"$ref": "#/properties/a/"}]})",
       R"({"properties": {"a": {"$ref": "#"}}, "allOf": [{"$ref": "#/%70roperties/a"}]})",
       R"({"$id": "http://x/", "allOf": [{"$ref": "http://x/"}]})",
       R"({"$id": "http://x/", "properties": {"a": {"$ref": "#"}}, "allOf": [{"$ref": "http://x/#/properties/a"}]})"}) {
    auto result = validate_against_schema(json::parse(schema), json{{"a", 1}, {"x", 1}});
    ASSERT_FALSE(result.ok()) << schema;
    EXPECT_EQ(result.error().code, "MANIFEST_INVALID");
  }
  // Recursion that follows the value is fine.
  const json tree =
      json::parse(R"({"type": "object", "properties": {"child": {"$ref": "#"}}, "additionalProperties": false})");
  EXPECT_EQ(shown(validate_against_schema(tree, json::parse(R"({"child": {"child": {}}})"))), "");
  EXPECT_EQ(shown(validate_against_schema(tree, json::parse(R"({"child": {"chidl": {}}})"))),
            "/child/chidl: `chidl` is unknown; did you mean `child`?\n");
}

TEST(ValidateAgainstSchema, SurvivesTextsAndConfigsThatWouldExhaustTheStack) {
  const json schema = json::parse(R"({"properties": {"a": {"pattern": "^(x|y)*$"}}})");
  auto long_text = validate_against_schema(schema, {{"a", std::string(1 << 20, 'x')}});
  ASSERT_TRUE(long_text.ok());
  EXPECT_THAT(shown(long_text), HasSubstr("/a: is longer than"));
  EXPECT_EQ(shown(validate_against_schema(schema, {{"a", std::string(kMaxPatternInputBytes, 'x')}})), "");
  json deep = 1;
  for (int i = 0; i < 5000; ++i) deep = json::array({std::move(deep)});
  EXPECT_THAT(shown(validate_against_schema(schema, deep)), HasSubstr("nested deeper"));
  json deep_schema = true;
  for (int i = 0; i < 5000; ++i) deep_schema = json{{"items", std::move(deep_schema)}};
  EXPECT_EQ(validate_against_schema(deep_schema, json(1)).error().code, "MANIFEST_INVALID");
}

// What valijson accepts must never be refused, and what it refuses must be explained.
TEST(ValidateAgainstSchema, ExplanationAndVerdictAgree) {
  const std::vector<json> values = {nullptr,
                                    true,
                                    0,
                                    -1,
                                    3,
                                    2.5,
                                    "",
                                    "a",
                                    "abc",
                                    json::array(),
                                    json{1, 2},
                                    json{"a", "a"},
                                    json::object(),
                                    json{{"a", 1}},
                                    json{{"a", "x"}, {"b", nullptr}}};
  const std::vector<const char*> schemas = {
      R"({"type": "integer"})",
      R"({"type": ["number", "string"]})",
      R"({"enum": [0, "a", null]})",
      R"({"minimum": 0, "maximum": 2})",
      R"({"minLength": 1, "maxLength": 2})",
      R"({"items": {"type": "integer"}})",
      R"({"required": ["a"]})",
      R"({"properties": {"a": {"type": "integer"}}, "additionalProperties": false})",
      R"({"anyOf": [{"type": "null"}, {"minimum": 1}]})",
      R"({"oneOf": [{"type": "integer"}, {"minimum": 1}]})",
      R"({"not": {"type": "string"}})",
      R"({"uniqueItems": true})",
      R"({"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"type": ["object", "array"]}})"};
  for (const char* text : schemas) {
    const json schema = json::parse(text);
    for (const json& value : values) {
      const auto verdict = validate_against_schema(schema, value);
      ASSERT_TRUE(verdict.ok());
      EXPECT_EQ(verdict->empty(), explain_config(schema, value).problems.empty()) << text << " on " << value;
    }
  }
}

TEST(ConfigPathsIn, AStarStandsForEveryKeyAndIndex) {
  const auto pointers = [](const char* pattern, const json& config) {
    Permissions permissions;
    permissions.config_paths = {{pattern, true, "sqlite"}};
    std::vector<std::string> found;
    for (const ConfigPath& path : config_paths_in(permissions, config)) {
      EXPECT_TRUE(path.read_write);
      EXPECT_EQ(path.lock, "sqlite");
      found.push_back(path.pointer);
    }
    return found;
  };
  using Found = std::vector<std::string>;
  const json config = {
      {"path", "x"},
      {"tables", {{"a", {{"path", "1"}}}, {"b/c", {{"path", "2"}}}, {"d~", {{"path", "3"}}}, {"e", 4}}},
      {"files", {"one", "two"}}};
  EXPECT_EQ(pointers("/path", config), Found{"/path"});
  EXPECT_EQ(pointers("/absent", config), Found{"/absent"});
  EXPECT_EQ(pointers("/tables/*/path", config), (Found{"/tables/a/path", "/tables/b~1c/path", "/tables/d~0/path"}));
  EXPECT_EQ(pointers("/files/*", config), (Found{"/files/0", "/files/1"}));
  EXPECT_EQ(pointers("/absent/*/path", config), Found{});
  EXPECT_EQ(pointers("/*", json{{"a", 1}}), Found{"/a"});
  EXPECT_EQ(pointers("/a~1b/*/0", json{{"a/b", {{"x", {"one", "two"}}, {"y", json::array()}}}}), Found{"/a~1b/x/0"});
  // Each is a pointer to what it stands for.
  EXPECT_EQ(config.at(json::json_pointer("/tables/b~1c/path")), "2");
}

}  // namespace
}  // namespace rapidbyte::runtime

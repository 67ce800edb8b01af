#include "rapidbyte/runtime/connector/connector_resolve.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWasm{"\0asm\x0d\0\x01\0", 8};

class ConnectorResolve : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "rapidbyte-resolve-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    if (const char* home = std::getenv("HOME")) old_home_ = home;
    ::setenv("HOME", (folder_ / "home").c_str(), 1);
    ::unsetenv("RAPIDBYTE_CONNECTOR_DIR");
  }
  void TearDown() override {
    ::unsetenv("RAPIDBYTE_CONNECTOR_DIR");
    ::setenv("HOME", old_home_.c_str(), 1);
    fs::remove_all(folder_);
  }
  fs::path write(const fs::path& path, std::string_view text) const {
    const fs::path full = folder_ / path;
    fs::create_directories(full.parent_path());
    std::ofstream(full, std::ios::binary) << text;
    return full;
  }
  static ConnectorRef ref(std::string_view text) {
    auto parsed = parse_connector_ref(text);
    EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.status().to_string();
    return parsed.ok() ? *parsed : ConnectorRef();
  }
  static std::string manifest_text(std::string_view version, std::string_view protocol = "2",
                                   std::string_view checksum = "") {
    return R"({"manifest_version":"1.0","id":"rapidbyte/source-postgres","name":"Postgres","version":")" +
           std::string(version) + R"(","protocol_version":")" + std::string(protocol) +
           R"(","artifact":{"entry_point":"source_postgres.wasm")" +
           (checksum.empty() ? "" : R"(,"checksum":")" + std::string(checksum) + "\"") +
           R"(},"roles":{"source":{"supported_sync_modes":["full_refresh"]}}})";
  }
  static std::string manifest_naming(std::string_view entry_point) {
    std::string text = manifest_text("0.1.0", "2.2");
    const std::string_view own = "source_postgres.wasm";
    return text.replace(text.find(own), own.size(), entry_point);
  }
  static ConnectorFiles files_of(const fs::path& wasm) { return {wasm, manifest_path_from_wasm(wasm)}; }

  fs::path folder_;
  std::string old_home_;
};

TEST(ParseConnectorRef, TakesReferencesApart) {
  struct Case {
    const char* text;
    const char* name;
    const char* version;
    const char* file;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"rapidbyte/source-postgres@v0.1.0", "source-postgres", "0.1.0", "source_postgres.wasm"},
           {"rapidbyte/source-postgres@0.1.0", "source-postgres", "0.1.0", "source_postgres.wasm"},
           {"rapidbyte/source-postgres", "source-postgres", "unknown", "source_postgres.wasm"},
           {"source-postgres", "source-postgres", "unknown", "source_postgres.wasm"},
           {"dest_sqlite@v2", "dest_sqlite", "2", "dest_sqlite.wasm"},
           {"a@vnext", "a", "vnext", "a.wasm"},
           {"my.org/x.y@1.0-rc.1", "x.y", "1.0-rc.1", "x.y.wasm"}}) {
    auto parsed = parse_connector_ref(c.text);
    ASSERT_TRUE(parsed.ok()) << c.text;
    EXPECT_EQ(parsed->name, c.name) << c.text;
    EXPECT_EQ(parsed->version, c.version) << c.text;
    EXPECT_EQ(parsed->file_name, c.file) << c.text;
    EXPECT_FALSE(parsed->path) << c.text;
  }
  auto path = parse_connector_ref("./build/source_file.wasm");
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(path->name, "source-file");
  EXPECT_EQ(path->path, fs::path("./build/source_file.wasm"));
  EXPECT_FALSE(path->has_version());
}

TEST(ParseConnectorRef, RefusesWhatCouldLeaveTheFolder) {
  for (const std::string& text :
       {std::string(""),      std::string("/"),       std::string("a/"),           std::string("/a"),
        std::string("../x"),  std::string("a/../x"),  std::string(".."),           std::string("a/.."),
        std::string("a/b/c"), std::string("a@"),      std::string("a@v1/../x"),    std::string("a@.."),
        std::string("@v1"),   std::string("a b"),     std::string("a\nb"),         std::string("a\\b"),
        std::string(".x"),    std::string("a/.x"),    std::string("a\0b", 3),      std::string("a@b@c"),
        std::string("x..y"),  std::string(5000, 'a'), std::string("a/b\0.wasm", 9)}) {
    auto parsed = parse_connector_ref(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, "CONNECTOR_REF_INVALID") << text;
  }
}

TEST_F(ConnectorResolve, ConnectorPathResolutionWithTheEnvVarSet) {
  const fs::path wasm = write("env/source_postgres.wasm", kWasm);
  write("home/.rapidbyte/plugins/source_postgres.wasm", kWasm);
  ::setenv("RAPIDBYTE_CONNECTOR_DIR", (folder_ / "env").c_str(), 1);
  auto path = resolve_connector(ref("rapidbyte/source-postgres@v0.1.0"));
  ASSERT_TRUE(path.ok()) << path.status().to_string();
  EXPECT_EQ(path->component, wasm);
  EXPECT_EQ(path->manifest, manifest_path_from_wasm(wasm));
}

TEST_F(ConnectorResolve, ConnectorPathResolutionWithTheConnectorMissing) {
  ::setenv("RAPIDBYTE_CONNECTOR_DIR", (folder_ / "env").c_str(), 1);
  auto path = resolve_connector(ref("rapidbyte/source-postgres@v0.1.0"));
  ASSERT_FALSE(path.ok());
  EXPECT_EQ(path.error().code, "CONNECTOR_NOT_FOUND");
  EXPECT_EQ(path.error().category, ErrorCategory::kConfig);
  const std::string& message = path.error().message;
  for (const std::string& part :
       {(folder_ / "env/source_postgres.wasm").string(),
        (folder_ / "home/.rapidbyte/plugins/source_postgres.wasm").string(),
        std::string("/connectors/source_postgres.wasm"), std::string("lib/rapidbyte/connectors/source_postgres.wasm"),
        std::string("RAPIDBYTE_CONNECTOR_DIR"), std::string("rapidbyte/source-postgres@v0.1.0")}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << "\nin: " << message;
  }
}

TEST_F(ConnectorResolve, FallsBackToThePluginsOfTheUser) {
  const fs::path wasm = write("home/.rapidbyte/plugins/dest_sqlite.wasm", kWasm);
  ::setenv("RAPIDBYTE_CONNECTOR_DIR", (folder_ / "nothing-here").c_str(), 1);
  auto path = resolve_connector(ref("dest-sqlite"));
  ASSERT_TRUE(path.ok()) << path.status().to_string();
  EXPECT_EQ(path->component, wasm);
  EXPECT_EQ(path->manifest, manifest_path_from_wasm(wasm));
}

TEST_F(ConnectorResolve, LooksInTheExtraFolderFirstAndIgnoresAnEmptyVariable) {
  const fs::path wasm = write("extra/dest_sqlite.wasm", kWasm);
  write("env/dest_sqlite.wasm", kWasm);
  ::setenv("RAPIDBYTE_CONNECTOR_DIR", (folder_ / "env").c_str(), 1);
  EXPECT_EQ(resolve_connector(ref("dest-sqlite"), connector_search_folders(folder_ / "extra"))->component, wasm);
  ::setenv("RAPIDBYTE_CONNECTOR_DIR", "", 1);
  EXPECT_EQ(connector_search_folders().front().folder, folder_ / "home/.rapidbyte/plugins");
}

TEST_F(ConnectorResolve, AFolderOfThatNameIsNotAConnector) {
  fs::create_directories(folder_ / "env/dest_sqlite.wasm");
  ::setenv("RAPIDBYTE_CONNECTOR_DIR", (folder_ / "env").c_str(), 1);
  EXPECT_FALSE(resolve_connector(ref("dest-sqlite")).ok());
}

TEST_F(ConnectorResolve, TakesAPathToAComponentAsWritten) {
  const fs::path wasm = write("somewhere/my_source.wasm", kWasm);
  EXPECT_EQ(resolve_connector(ref(wasm.string()))->component, wasm);
  auto missing = resolve_connector(ref((folder_ / "somewhere/other.wasm").string()));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, "CONNECTOR_NOT_FOUND");
  EXPECT_NE(missing.error().message.find("somewhere/other.wasm"), std::string::npos);
}

TEST_F(ConnectorResolve, SeveralManifestsMayNameOneComponent) {
  const fs::path lake = write("env/lake.wasm", kWasm);
  const fs::path sql = write("env/transform_sql.manifest.json", manifest_naming("lake.wasm"));
  const fs::path file = write("env/source_lake.manifest.json", manifest_naming("lake.wasm"));
  ::setenv("RAPIDBYTE_CONNECTOR_DIR", (folder_ / "env").c_str(), 1);
  const auto found = resolve_connector(ref("rapidbyte/transform-sql@v0.1.0"));
  ASSERT_TRUE(found.ok()) << found.status().to_string();
  EXPECT_EQ(*found, (ConnectorFiles{lake, sql}));
  EXPECT_EQ((*load_connector_manifest(ref("transform-sql"), *found, false))->entry_point, "lake.wasm");
  const auto by_path = resolve_connector(ref(file.string()));
  ASSERT_TRUE(by_path.ok()) << by_path.status().to_string();
  EXPECT_EQ(*by_path, (ConnectorFiles{lake, file}));
  EXPECT_EQ(ref(file.string()).name, "source-lake");
  EXPECT_EQ(connectors_in(lake), (std::vector<std::string>{"source-lake", "transform-sql"}));
  // The component itself is none of them.
  const auto bare = load_connector_manifest(ref("lake"), *resolve_connector(ref("lake")), false);
  ASSERT_FALSE(bare.ok());
  EXPECT_EQ(bare.error().code, "MANIFEST_MISSING");
  EXPECT_NE(bare.error().message.find("use one of them: source-lake, transform-sql"), std::string::npos)
      << bare.error().message;
}

TEST_F(ConnectorResolve, AComponentOfItsOwnComesBeforeTheOneThatAManifestNames) {
  const fs::path own = write("env/transform_sql.wasm", kWasm);
  write("env/lake.wasm", kWasm);
  write("env/transform_sql.manifest.json", manifest_naming("lake.wasm"));
  ::setenv("RAPIDBYTE_CONNECTOR_DIR", (folder_ / "env").c_str(), 1);
  EXPECT_EQ(resolve_connector(ref("transform-sql"))->component, own) << "as hosts of before did";
  EXPECT_TRUE(connectors_in(folder_ / "env/lake.wasm").empty());
}

TEST_F(ConnectorResolve, AManifestNamesAComponentOfItsFolderOnly) {
  write("lake.wasm", kWasm);
  fs::create_directories(folder_ / "env/sub");
  ::setenv("RAPIDBYTE_CONNECTOR_DIR", (folder_ / "env").c_str(), 1);
  for (const std::string entry :
       {"../lake.wasm", "/tmp/lake.wasm", "sub/lake.wasm", "", ".wasm", "lake", "lake.wasm/..", "lake.so", "..wasm"}) {
    const fs::path manifest = write("env/a.manifest.json", manifest_naming(entry));
    for (const std::string& reference : {std::string("a"), manifest.string()}) {
      const auto found = resolve_connector(ref(reference));
      ASSERT_FALSE(found.ok()) << entry;
      EXPECT_EQ(found.error().code, "MANIFEST_INVALID") << entry << ": " << found.error().message;
    }
  }
  write("env/a.manifest.json", manifest_naming("gone.wasm"));
  const auto gone = resolve_connector(ref("a"));
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code, "CONNECTOR_NOT_FOUND");
  EXPECT_NE(gone.error().message.find("env/gone.wasm, which is not there"), std::string::npos) << gone.error().message;
  write("env/a.manifest.json", "{");
  EXPECT_EQ(resolve_connector(ref("a")).error().code, "MANIFEST_INVALID");
}

TEST(ManifestPath, StandsBesideTheComponent) {
  EXPECT_EQ(manifest_path_from_wasm("/x/source_postgres.wasm"), fs::path("/x/source_postgres.manifest.json"));
  EXPECT_EQ(manifest_path_from_wasm("a.b.wasm"), fs::path("a.b.manifest.json"));
}

TEST_F(ConnectorResolve, LoadsTheManifestOfTheVersionThatIsAskedFor) {
  const fs::path wasm = write("c/source_postgres.wasm", kWasm);
  write("c/source_postgres.manifest.json", manifest_text("v0.1.0"));
  for (const char* text : {"source-postgres", "source-postgres@0.1.0", "rapidbyte/source-postgres@v0.1.0"}) {
    auto manifest = load_connector_manifest(ref(text), files_of(wasm), false);
    ASSERT_TRUE(manifest.ok()) << manifest.status().to_string();
    EXPECT_EQ((*manifest)->id, "rapidbyte/source-postgres");
  }
  auto other = load_connector_manifest(ref("source-postgres@v0.2.0"), files_of(wasm), false);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, "CONNECTOR_VERSION_MISMATCH");
  EXPECT_NE(other.error().message.find("0.2.0"), std::string::npos);
  EXPECT_NE(other.error().message.find("0.1.0"), std::string::npos);
}

TEST_F(ConnectorResolve, AConnectorWithoutAManifestIsRefusedUnlessAllowed) {
  const fs::path wasm = write("c/source_postgres.wasm", kWasm);
  auto refused = load_connector_manifest(ref("source-postgres"), files_of(wasm), false);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, "MANIFEST_MISSING");
  EXPECT_NE(refused.error().message.find("--allow-unmanifested"), std::string::npos);
  auto allowed = load_connector_manifest(ref("source-postgres"), files_of(wasm), true);
  ASSERT_TRUE(allowed.ok());
  EXPECT_FALSE(allowed->has_value());
}

TEST_F(ConnectorResolve, AManifestThatIsThereButBrokenIsNeverTakenAsMissing) {
  const fs::path wasm = write("c/source_postgres.wasm", kWasm);
  write("c/source_postgres.manifest.json", "{");
  EXPECT_EQ(load_connector_manifest(ref("source-postgres"), files_of(wasm), true).error().code, "MANIFEST_INVALID");
  write("c/source_postgres.manifest.json", std::string(2 << 20, ' '));
  EXPECT_EQ(load_connector_manifest(ref("source-postgres"), files_of(wasm), true).error().code, "MANIFEST_INVALID");
  write("c/source_postgres.manifest.json", manifest_text("0.1.0", "5"));
  auto protocol = load_connector_manifest(ref("source-postgres"), files_of(wasm), true);
  ASSERT_FALSE(protocol.ok());
  EXPECT_EQ(protocol.error().code, "PROTOCOL_MISMATCH");
  EXPECT_NE(protocol.error().message.find("host speaks 2.0, 2.1, 2.2; connector speaks 5"), std::string::npos);
}

TEST_F(ConnectorResolve, VerifiesTheChecksumOfTheBytes) {
  const fs::path wasm = write("c/source_postgres.wasm", kWasm);
  const std::string digest = sha256_hex(kWasm);
  Manifest manifest;
  EXPECT_TRUE(verify_wasm_checksum(wasm, manifest).ok()) << "nothing was promised";
  manifest.checksum = "sha256:" + digest;
  EXPECT_TRUE(verify_wasm_checksum(wasm, manifest).ok());
  std::string upper = digest;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  manifest.checksum = "sha256:" + upper;
  EXPECT_TRUE(verify_wasm_checksum(wasm, manifest).ok());
  for (const std::string& bad :
       {"sha256:" + std::string(64, '0'), std::string("sha256:"), digest, std::string("md5:") + digest}) {
    manifest.checksum = bad;
    const Status status = verify_wasm_checksum(wasm, manifest);
    ASSERT_FALSE(status.ok()) << bad;
    EXPECT_EQ(status.error().code, "CHECKSUM_MISMATCH");
    EXPECT_EQ(status.error().category, ErrorCategory::kPermission);
  }
  EXPECT_EQ(verify_wasm_checksum(folder_ / "gone.wasm", manifest).error().code, "COMPONENT_INVALID");
}

TEST_F(ConnectorResolve, ReadsComponentsAndRefusesOtherFiles) {
  const auto component = read_component_file(write("ok.wasm", kWasm));
  ASSERT_TRUE(component.ok()) << component.status().to_string();
  EXPECT_EQ(component->sha256, sha256_hex(kWasm));
  EXPECT_EQ(component->read()->size(), kWasm.size());
  write("ok.wasm", std::string(kWasm) + '\0');
  EXPECT_NE(component->read().error().message.find("was changed while it was being loaded"), std::string::npos)
      << "what is compiled and what was checked are one";
  std::string large(kWasm);
  large.append(200'000, 'x');
  EXPECT_EQ(read_component_file(write("large.wasm", large))->sha256, sha256_hex(large)) << "read in pieces";
  for (const std::string_view text :
       {std::string_view(""), std::string_view("\0asm", 4), std::string_view("#!/bin/sh\nexit")}) {
    auto result = read_component_file(write("bad.wasm", text));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, "COMPONENT_INVALID");
  }
  EXPECT_EQ(read_component_file(folder_ / "gone.wasm").error().code, "COMPONENT_INVALID");
}

}  // namespace
}  // namespace rapidbyte::runtime

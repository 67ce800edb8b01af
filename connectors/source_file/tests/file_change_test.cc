// Files that are written to while they are read: what was there at the beginning is read exactly, or the run fails.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "test_support.h"

namespace rapidbyte::source_file::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

constexpr int kRows = 20'000;

/// Rows whose texts do not compress well, so that a compressed file is larger than every buffer, too.
std::string rows(int begin, int end, uint64_t seed) {
  std::string out;
  for (int i = begin; i < end; ++i) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    out += std::to_string(i) + "," + std::to_string(seed) + "," + std::to_string(seed >> 7U) + ".25\n";
  }
  return out;
}

const std::string& whole_text() {
  static const std::string text = "id,a,b\n" + rows(0, kRows, 1);
  return text;
}

void write_file(const std::filesystem::path& path, std::string_view text, std::ios::openmode mode) {
  std::ofstream(path, std::ios::binary | mode).write(text.data(), static_cast<std::streamsize>(text.size()));
}

struct Change {
  const char* name;
  std::function<void(const std::filesystem::path&)> make;
};

/// One run over a file that is changed after the first batch.
RunResult run_with(const TempFolder& folder, const std::string& file, std::string_view bytes, const Change& change,
                   const std::string& cursor_field = {}) {
  const std::string path = folder.write(file, bytes);
  // Old enough that its time of change says something.
  std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  RunOptions options;
  options.stream = {{"path", file}, {"columns", {{"a", "text"}, {"b", "text"}}}};
  options.max_batch_bytes = 8192;
  options.cursor_field = cursor_field;
  options.meanwhile = [&] { change.make(path); };
  return run(folder.path(), options);
}

TEST(FileChangeTest, AFileThatIsCutOrWrittenOverIsAnError) {
  const std::string other = "id,a,b\n" + rows(0, kRows, 2);
  const std::string longer = "id,a,b\n" + rows(0, kRows + 5000, 2);
  const std::string text = whole_text();
  const auto packed_as = [](const std::string& file, const std::string& content) {
    return file.ends_with(".gz") ? gzip(content) : file.ends_with(".zst") ? zstd(content) : content;
  };
  for (const std::string file : {"data.csv", "data.csv.gz", "data.csv.zst"}) {
    const std::string bytes = packed_as(file, text);
    ASSERT_GT(bytes.size(), 350'000U) << "the end must not be read before the change";
    const Change changes[] = {
        {"cut within the last value", [&](const auto& path) { std::filesystem::resize_file(path, bytes.size() - 3); }},
        {"emptied", [](const auto& path) { std::filesystem::resize_file(path, 0); }},
        {"written over, shorter",
         [&](const auto& path) { write_file(path, packed_as(file, text.substr(0, 1000)), std::ios::trunc); }},
        {"written over, longer", [&](const auto& path) { write_file(path, packed_as(file, longer), std::ios::trunc); }},
        {"written over at the same length",
         [&](const auto& path) {
           std::string changed = packed_as(file, other);
           changed.resize(bytes.size(), '0');
           write_file(path, changed, std::ios::in | std::ios::out);
         }},
        {"one byte before the place of reading changed",
         [&](const auto& path) {
           std::string changed = bytes;
           // Of the first record's first text; in a compressed file of its header's time.
           changed[file == "data.csv" ? 10 : 4] ^= 1;
           write_file(path, changed, std::ios::in | std::ios::out);
         }},
    };
    for (const Change& change : changes) {
      const TempFolder folder;
      const RunResult got = run_with(folder, file, bytes, change);
      // What does not touch the content (the time in gzip's header) may pass; then every row is right.
      if (got.status.ok()) {
        EXPECT_TRUE(file == "data.csv.gz" && std::string_view(change.name).starts_with("one byte"))
            << file << ", " << change.name << ": " << got.rows.size() << " rows";
        EXPECT_EQ(got.rows.size(), static_cast<size_t>(kRows));
        continue;
      }
      EXPECT_EQ(got.status.error().code, "FILE_CHANGED")
          << file << ", " << change.name << ": " << got.status.to_string();
      EXPECT_FALSE(got.status.error().retryable);
      EXPECT_THAT(got.status.error().message, HasSubstr("'" + file + "'"));
      EXPECT_TRUE(got.checkpoints.empty() || !got.checkpoints.back()["position"].value("file", "").empty())
          << "no checkpoint may say that the file is done";
    }
  }
}

// All bytes are in memory when the file is cut, so that no read comes up short: its size at the end says it.
TEST(FileChangeTest, AFileThatIsCutWhenItWasReadToItsEndIsAnError) {
  const std::string text = "id,a,b\n" + rows(0, 400, 1);
  ASSERT_GT(text.size(), 16'384U) << "more than one batch";
  ASSERT_LT(text.size(), 65'536U) << "one read";
  const Change cut{"cut", [&](const auto& path) { std::filesystem::resize_file(path, text.size() - 3); }};
  const TempFolder folder;
  const RunResult got = run_with(folder, "data.csv", text, cut);
  ASSERT_FALSE(got.status.ok()) << got.rows.size() << " rows";
  EXPECT_EQ(got.status.error().code, "FILE_CHANGED");
  EXPECT_THAT(got.status.error().message, HasSubstr("it is shorter now"));
}

TEST(FileChangeTest, AFileThatIsOnlyTouchedIsRead) {
  const TempFolder folder;
  const Change touch{"touch", [](const auto& path) {
                       std::filesystem::last_write_time(path, std::filesystem::file_time_type::clock::now());
                     }};
  for (const std::string file : {"data.csv", "data.csv.gz", "data.csv.zst"}) {
    const std::string bytes = file.ends_with(".gz")    ? gzip(whole_text())
                              : file.ends_with(".zst") ? zstd(whole_text())
                                                       : whole_text();
    const RunResult got = run_with(folder, file, bytes, touch);
    ASSERT_TRUE(got.status.ok()) << got.status.to_string();
    EXPECT_EQ(got.rows.size(), static_cast<size_t>(kRows));
    EXPECT_TRUE(got.warnings.empty());
  }
}

TEST(FileChangeTest, AFileThatGrowsIsReadToTheLastLineEndThatWasThere) {
  struct Case {
    const char* file;
    std::string head;       // when it is opened
    std::string more;       // what is added
    size_t rows;            // read
    std::string last_b;     // of them
  };
  const std::string json_line = R"({"id":20000,"a":"x","b":"y"})";
  std::string json;
  for (int i = 0; i < kRows; ++i)
    json += R"({"id":)" + std::to_string(i) +
            R"(,"a":"some text","b":"more text"})"
            "\n";
  const std::string& csv = whole_text();
  const std::string last = csv.substr(csv.rfind(',') + 1, csv.size() - csv.rfind(',') - 2);
  const Case cases[] = {
      {"data.csv", csv, "20000,x,y\n", kRows, last},
      {"data.csv", csv + "20000,x,12", ".34\n", kRows, last},
      {"data.csv", csv + "20000,x,12.34\n20001,", "y,z\n", kRows + 1, "12.34"},
      {"data.csv", csv + "20000,x,12.34\r", "\n", kRows, last},
      {"data.csv", csv + "20000,x,\"two\nli", "nes\"\n", kRows, last},
      {"data.csv", csv + "20000,x,\"two\nlines\"", "\"\"\n", kRows, last},
      {"data.ndjson", json + json_line.substr(0, 12), json_line.substr(12) + "\n", kRows, "more text"},
      {"data.ndjson", json + json_line, "\n", kRows, "more text"},
  };
  for (const Case& c : cases) {
    const TempFolder folder;
    const Change grow{"", [&](const auto& path) { write_file(path, c.more, std::ios::app); }};
    RunResult got = run_with(folder, c.file, c.head, grow);
    ASSERT_TRUE(got.status.ok()) << got.status.to_string();
    EXPECT_EQ(got.rows.size(), c.rows) << c.head.substr(c.head.size() - 20) << "|" << c.more;
    EXPECT_EQ(got.rows.back()[2], "\"" + c.last_b + "\"");
    EXPECT_THAT(got.warnings, Contains(HasSubstr("was added to while it was read")));

    // Incrementally: the rest comes with the next run, and once.
    got = run_with(folder, c.file, c.head, grow, "id");
    ASSERT_TRUE(got.status.ok()) << got.status.to_string();
    EXPECT_EQ(got.rows.size(), c.rows);
    RunOptions next;
    next.stream = {{"path", c.file}, {"columns", {{"a", "text"}, {"b", "text"}}}};
    next.cursor_field = "id";
    next.last_value = got.checkpoints.back()["cursor_value"];
    const RunResult rest = run(folder.path(), next);
    ASSERT_TRUE(rest.status.ok()) << rest.status.to_string();
    const RunResult all = run_with(folder, c.file, c.head + c.more, {"", [](const auto&) {}});
    Table both = got.rows;
    both.insert(both.end(), rest.rows.begin(), rest.rows.end());
    EXPECT_EQ(both, all.rows);
  }
}

TEST(FileChangeTest, ACompressedFileThatIsStillBeingWrittenIsAnErrorAndANewMemberIsNot) {
  const std::string more = "20000,x,12.34\n";
  for (const std::string file : {"data.csv.gz", "data.csv.zst"}) {
    const auto pack = [&](const std::string& text) { return file.ends_with(".gz") ? gzip(text) : zstd(text); };
    const std::string bytes = pack(whole_text());
    const TempFolder folder;
    RunResult got =
        run_with(folder, file, bytes.substr(0, bytes.size() - 100),
                 {"", [&](const auto& path) { write_file(path, bytes.substr(bytes.size() - 100), std::ios::app); }});
    ASSERT_FALSE(got.status.ok());
    EXPECT_EQ(got.status.error().code, "FILE_CHANGED") << got.status.to_string();
    // The last line of the first member continues in the second.
    got = run_with(folder, file, pack(whole_text() + "20000,x,"),
                   {"", [&](const auto& path) { write_file(path, pack("12.34\n"), std::ios::app); }});
    ASSERT_TRUE(got.status.ok()) << got.status.to_string();
    EXPECT_EQ(got.rows.size(), static_cast<size_t>(kRows));
  }
}

TEST(FileChangeTest, AFileThatIsReplacedByNameIsReadAsItWas) {
  const TempFolder folder;
  const std::string other = folder.write("other.txt", "id,a,b\n1,x,y\n");
  const Change changes[] = {
      {"renamed over", [&](const auto& path) { std::filesystem::rename(other, path); }},
      {"removed", [](const auto& path) { std::filesystem::remove(path); }},
  };
  for (const Change& change : changes) {
    const RunResult got = run_with(folder, "data.csv", whole_text(), change);
    ASSERT_TRUE(got.status.ok()) << change.name << ": " << got.status.to_string();
    EXPECT_EQ(got.rows.size(), static_cast<size_t>(kRows));
    EXPECT_THAT(got.warnings, Contains(HasSubstr("was replaced or removed while it was read")));
  }
}

TEST(FileChangeTest, AnInterruptedReadResumesInAFileThatHasGrownSince) {
  const TempFolder folder;
  folder.write("data.csv", whole_text());
  RunOptions options;
  options.stream = {{"columns", {{"a", "text"}, {"b", "text"}}}};
  options.max_batch_bytes = 8192;
  options.checkpoint_interval_rows = 5000;
  options.fail_emit = 100;
  const RunResult broken = run(folder.path(), options);
  ASSERT_FALSE(broken.status.ok());
  ASSERT_FALSE(broken.checkpoints.empty());
  write_file(folder.path() + "/data.csv", "20000,x,12.34\n", std::ios::app);
  options.fail_emit = 0;
  options.resume = broken.checkpoints.back();
  const RunResult rest = run(folder.path(), options);
  ASSERT_TRUE(rest.status.ok()) << rest.status.to_string();
  EXPECT_EQ(broken.rows_covered.back() + rest.rows.size(), static_cast<size_t>(kRows) + 1);
}

TEST(FileChangeTest, AnEmptyAndAGrowingEmptyFileHaveNoRows) {
  const TempFolder folder;
  folder.write("part1.csv", whole_text());
  folder.write("part2.csv", "");
  folder.write("part3.csv", "id,a,b");
  RunOptions options;
  options.stream = {{"path", "part*.csv"}, {"columns", {{"a", "text"}, {"b", "text"}}}};
  const RunResult got = run(folder.path(), options);
  ASSERT_TRUE(got.status.ok()) << got.status.to_string();
  EXPECT_EQ(got.rows.size(), static_cast<size_t>(kRows));
}

}  // namespace
}  // namespace rapidbyte::source_file::testing

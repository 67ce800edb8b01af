#include "rapidbyte/cli/view/error_text.h"

#include <gtest/gtest.h>

#include "rapidbyte/base/log.h"

namespace rapidbyte::cli {
namespace {

ConnectorError error(std::string code, std::string message) {
  ConnectorError made;
  made.code = std::move(code);
  made.message = std::move(message);
  return made;
}

TEST(ErrorText, SaysWhatFailedWithItsCodeThenTheMessageThenTheHint) {
  EXPECT_EQ(render_error(ExitCode::kSource, error("FILE_NOT_FOUND", "orders.csv does not exist"), "look again", false),
            "error: source failed (FILE_NOT_FOUND): orders.csv does not exist\n  look again\n");
}

TEST(ErrorText, KeepsTheLinesOfAMessageAndIndentsThem) {
  EXPECT_EQ(render_error(ExitCode::kDestination, error("", "one\r\ntwo\n\n"), "", false),
            "error: destination failed: one\n  two\n");
}

TEST(ErrorText, RedactsAndEscapesWhatConnectorsSay) {
  add_secret("hunter2-error");
  EXPECT_EQ(render_error(ExitCode::kSource, error("A\x1b[2J", "hunter2-error\x1b]0;x\x07"), "", false),
            "error: source failed (A\\x1b[2J): ***\\x1b]0;x\\x07\n");
}

}  // namespace
}  // namespace rapidbyte::cli

#include "rapidbyte/runtime/sandbox/guest_error.h"

#include <gtest/gtest.h>

#include <string>

namespace rapidbyte::runtime {
namespace {

ConnectorError error_of(std::string code, std::string message = "x") {
  return internal_error(std::move(code), std::move(message)).error();
}

TEST(GuestError, AGuestDoesNotSpeakForTheHost) {
  for (const char* code : {"CANCELLED", "GUEST_TRAP", "INSTANCE_POISONED", "PIPELINE_LOCKED", "LEASE_LOST",
                           "STATE_BACKEND", "MANIFEST_INVALID", "ROW_COUNT_MISMATCH"}) {
    EXPECT_EQ(as_guest_error(error_of(code), false, "s").code, std::string("CONNECTOR_") + code);
    EXPECT_EQ(as_guest_error(error_of(code), true, "s").code, code);
  }
  EXPECT_EQ(as_guest_error(error_of("TABLE_MISSING"), false, "s").code, "TABLE_MISSING");
}

TEST(GuestError, TheStreamIsNamedOnce) {
  for (const char* message : {"stream 'orders': no table", "stream \"orders\": no table", "stream orders: no table",
                              "orders: no table", "'orders': no table", "no table"}) {
    EXPECT_EQ(as_guest_error(error_of("X", message), false, "orders").message, "no table") << message;
  }
  for (const char* message : {"stream 'orders2': no table", "stream 'orders: no table", "orders2: no table", "stream",
                              "orders", "stream 'orders' has no table", ""}) {
    EXPECT_EQ(as_guest_error(error_of("X", message), false, "orders").message, message);
  }
  EXPECT_EQ(as_guest_error(error_of("X", "stream : x"), false, "").message, "stream : x");
}

}  // namespace
}  // namespace rapidbyte::runtime

#include "session.h"

#include <utility>

namespace rapidbyte::source_postgres {
namespace {

// Casts to text follow DateStyle. Before server 12 floats are exact with at least 3 extra digits; since then always.
// Whatever a user's condition contains, nothing is written; and its backslashes are ordinary characters.
constexpr std::string_view kSettings =
    "SET DateStyle = 'ISO, MDY'; SET extra_float_digits = 3; SET default_transaction_read_only = on; "
    "SET standard_conforming_strings = on";

}  // namespace

Session::Session(postgres::OpenSession opened, const postgres::ConnectionOptions& options)
    : connection(std::move(opened.connection)),
      server_time_zone(std::move(opened.server_time_zone)),
      options_(options) {
  options_.password.clear();
}

sdk::Result<Session> open_session(const postgres::ConnectionOptions& options) {
  RB_SDK_ASSIGN_OR_RETURN(postgres::OpenSession opened,
                          postgres::open_session(options, {.settings = kSettings, .takes_any_encoding = true}));
  return Session(std::move(opened), options);
}

}  // namespace rapidbyte::source_postgres

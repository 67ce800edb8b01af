// What a PostgreSQL server says: errors and notices, and the messages of SCRAM.

#include <vector>

#include "fuzz_input.h"
#include "postgres/message.h"
#include "postgres/scram.h"
#include "postgres/server_error.h"

using namespace rapidbyte;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const uint8_t choice = input.byte();
  const std::vector<uint8_t> body(input.bytes().begin(), input.bytes().end());
  if (choice % 2 == 0) {
    const auto error = postgres::parse_server_error(body);
    if (!error.ok()) return 0;
    const sdk::Status status = postgres::to_status(*error, "COPY into public.orders");
    const auto again = postgres::server_error_of(status.error());
    fuzz::check(again.has_value() && *again == *error, "the server's fields travel inside the error");
    (void)error->copy_line();
    return 0;
  }
  postgres::ScramClient client("secret", "abcdefghijklmnopqrstuvwx");
  std::string first(input.short_text());
  // Each round costs time, and a server may ask for a million.
  if (const size_t at = first.find("i="); at != std::string::npos && first.size() - at > 6) first.resize(at + 6);
  (void)client.client_final(first);
  (void)client.verify(input.text());
  postgres::BodyReader reader(body);
  while (!reader.at_end() && !reader.failed()) {
    (void)reader.number<uint16_t>();
    (void)reader.bytes(reader.number<uint16_t>() % 8 != 0 ? 3 : 100'000);
    (void)reader.zero_terminated();
  }
  return 0;
}

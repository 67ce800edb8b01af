// Numbers: text, Arrow's decimals and PostgreSQL's numeric, each into the other and back.

#include <vector>

#include "fuzz_input.h"
#include "numeric.h"
#include "src/numeric.h"
#include "src/value_text.h"

using namespace rapidbyte;

namespace {

namespace dest = dest_postgres;
namespace source = source_postgres;

std::string text_of(std::span<const uint8_t> numeric) {
  const size_t bound = source::numeric_text_bound(numeric);
  fuzz::check(bound != 0, "what we write is a numeric");
  std::string text(bound, '\0');
  const size_t length = source::numeric_text(numeric, text.data());
  fuzz::check(length <= bound, "the bound of a numeric's text holds");
  text.resize(length);
  return text;
}

/// The value behind its length.
std::span<const uint8_t> value_of(const std::vector<uint8_t>& buffer, const uint8_t* end) {
  const auto written = static_cast<size_t>(end - buffer.data());
  fuzz::check(written >= 4 && written <= buffer.size(), "no byte beyond the room");
  fuzz::check(postgres::load_be<uint32_t>(buffer.data()) == written - 4, "the length is that of the value");
  return std::span(buffer).subspan(4, written - 4);
}

void text_round_trip(std::string_view text) {
  const auto number = dest::parse_numeric(text);
  if (!number) return;
  std::vector<uint8_t> buffer(text.size() + dest::kNumericTextExtra);
  const std::string back = text_of(value_of(buffer, dest::put_numeric_text(buffer.data(), *number)));
  if (number->kind != dest::NumericText::Kind::kFinite) return;
  std::string wanted(number->whole.empty() ? "0" : number->whole);
  if (!number->fraction.empty()) wanted += "." + std::string(number->fraction);
  // Zero has no sign.
  if (number->negative && wanted.find_first_not_of("0.") != std::string::npos) wanted = "-" + wanted;
  fuzz::check_equal(back, wanted, "a number's text comes back");
}

template <typename Words>
void decimal_round_trip(fuzz::Input& input, int32_t most_scale) {
  constexpr size_t kCount = sizeof(Words) / 8;
  const int32_t scale = input.byte() % (most_scale + 1);
  Words words;
  const bool negative = input.byte() % 2 == 0;
  const size_t used = input.byte() % kCount + 1;
  for (size_t i = 0; i < kCount; ++i)
    words.words[i] = i < used ? input.number<uint64_t>() : negative ? ~uint64_t{0} : 0;
  std::vector<uint8_t> buffer(dest::kMaxDecimalBytes);
  const auto value = value_of(buffer, dest::put_decimal(buffer.data(), words.words, kCount, scale));
  std::vector<uint8_t> padded(value.begin(), value.end());
  const std::string text = text_of(padded);
  char plain[dest::kMaxValueText];
  const std::string_view arrow(plain,
                               static_cast<size_t>(dest::write_decimal(plain, words.words, kCount, scale) - plain));
  fuzz::check_equal(text, arrow, "both texts of a decimal are the same");
  Words back;
  const auto outcome = source::decode_numeric(padded, scale, back);
  if (outcome == source::NumericOutcome::kDoesNotFit) {
    fuzz::check(arrow.size() > (kCount == 2 ? 38 : 76), "only what has more digits than the type does not fit");
  } else {
    fuzz::check(outcome == source::NumericOutcome::kOk && back == words, "a decimal comes back");
  }
}

void any_numeric(std::span<const uint8_t> bytes, int32_t scale) {
  sdk::Decimal128Words small;
  sdk::Decimal128Words large;
  const auto outcome = source::decode_numeric(bytes, scale, large);
  sdk::Decimal256Words wide;
  const auto wide_outcome = source::decode_numeric(bytes, scale, wide);
  if (outcome == source::NumericOutcome::kOk) {
    fuzz::check(wide_outcome == source::NumericOutcome::kOk && wide.words[0] == large.words[0] &&
                    wide.words[1] == large.words[1],
                "both widths agree");
  }
  std::vector<uint8_t> padded(bytes.begin(), bytes.end());
  padded.resize(std::max(padded.size(), source::kSmallNumericBytes));
  if (source::decode_small_numeric(padded.data(), bytes.size(), scale, small))
    fuzz::check(outcome == source::NumericOutcome::kOk && small == large,
                "the short way gives what the long way gives");
  const size_t bound = source::numeric_text_bound(bytes);
  if (bound == 0 || bound > 100'000) return;
  const std::string text = text_of(bytes);
  const auto number = dest::parse_numeric(text);
  fuzz::check(number.has_value(), "the text of a numeric is a number");
  text_round_trip(text);
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  switch (input.byte() % 4) {
    case 0: text_round_trip(input.text()); break;
    case 1: decimal_round_trip<sdk::Decimal128Words>(input, 38); break;
    case 2: decimal_round_trip<sdk::Decimal256Words>(input, 76); break;
    default: {
      const int32_t scale = input.byte() % 39;
      any_numeric(input.bytes(), scale);
    }
  }
  return 0;
}

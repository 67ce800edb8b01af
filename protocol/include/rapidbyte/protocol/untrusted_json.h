#pragma once
// The only parser for JSON that a guest, the host, a file or a server wrote. Nothing else in the host or in the SDK
// parses such text. The result is at most `max_depth` deep, so it can safely be copied, compared, printed and
// destroyed. Pure functions, any thread.

#include <limits>
#include <string_view>

#include "rapidbyte/protocol/bounded_json.h"
#include "rapidbyte/protocol/json.h"
#include "rapidbyte/protocol/status.h"

namespace rapidbyte::protocol {

/// A source's checkpoint, and other values that a guest keeps: positions, not data. 4 MiB is also the limit for a value
/// in the state. Our own need fewer than ten levels; 64 cost some KiB of a stack of at least 1 MiB.
inline constexpr JsonLimits kCheckpointLimits = {size_t{4} << 20U, 64, 2'500'000};
/// A checkpoint that comes back from the state, a receipt or a destination: slightly larger, for the keys that the host
/// has added, so that whatever was accepted once can always be read again.
inline constexpr JsonLimits kReceiptLimits = {size_t{16} << 20U, 80, 5'000'000};
/// A metric is a name, a number and a few labels.
inline constexpr JsonLimits kMetricLimits = {size_t{64} << 10U, 8, 1'000};
/// Details of an error are read by people: a server's message with its detail and hint.
inline constexpr JsonLimits kDetailsLimits = {size_t{64} << 10U, 16, 2'000};
/// A stream context, made by the host: a catalog's columns, a receipt and a partition together.
inline constexpr JsonLimits kContextLimits = {size_t{128} << 20U, 100, 10'000'000};
/// The answer of plan-partitions: up to 1,024 pieces of a key range, a block range or a list of files.
inline constexpr JsonLimits kPartitionsLimits = {size_t{16} << 20U, 32, 500'000};
/// Which streams refer to which: a list of names for each of up to 100,000 streams.
inline constexpr JsonLimits kReferencesLimits = {size_t{64} << 20U, 8, 2'000'000};
/// A manifest with JSON Schemas of a connector with hundreds of settings has some hundred KiB.
inline constexpr JsonLimits kManifestLimits = {size_t{4} << 20U, 100, 200'000};
/// A rejected record in the source's form; deeper ones are kept as text.
inline constexpr JsonLimits kRecordLimits = {size_t{256} << 20U, 128, size_t{16} << 20U};
/// What a guest reads: its config, contexts, markers and anything else. The host's JSON is at most some 80 levels deep,
/// and a guest has 1 MiB of stack for copying and printing a value. Its memory limits the size.
inline constexpr JsonLimits kGuestLimits = {std::numeric_limits<size_t>::max(), 128,
                                            std::numeric_limits<size_t>::max()};

/// Parses one JSON text. Errors (data): INVALID_JSON with the byte, JSON_TOO_LARGE, JSON_TOO_DEEP, JSON_TOO_MANY_VALUES
/// with a pointer to the place. The message is the end of a sentence ("is not JSON: ...") and repeats no values.
Result<Json> parse_untrusted(std::string_view text, const JsonLimits& limits);

/// parse_untrusted for callers that treat anything but a valid object as an empty one.
Json parse_untrusted_object(std::string_view text, const JsonLimits& limits);

/// Whether parse_untrusted would accept the text; builds no value.
bool is_sound_json(std::string_view text, const JsonLimits& limits);

}  // namespace rapidbyte::protocol

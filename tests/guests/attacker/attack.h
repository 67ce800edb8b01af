#pragma once
// What the attacker does, chosen by its config:
//
//   attack   the name of an act in attack.cc or of an answer in answers.h; "none" makes an honest connector of it
//   at       where: open, discover, validate, run (before the first batch), middle, end (after the last batch), close,
//            plan, begin, finish, last (last-committed)
//   stream   the stream in whose calls it is done, "evil" by default, or "both"; open, discover and validate have none
//   count, size, text, script, host, port ...   what the act needs
//
// It logs whatever it does, before ("attack NAME begins at AT") and after ("attack NAME did: ..."), so that no test
// passes because nothing was done.

#include <string>
#include <string_view>

#include "world.h"

namespace attacker {

/// What this instance was told: its config, and the stream that it was last called for.
struct Orders {
  std::string config;
  std::string attack;
  std::string at;
  std::string evil_stream;
  std::string stream;
};
extern Orders orders;

void take_orders(std::string_view config);
/// Notes the stream of a context.
void take_context(std::string_view context);

std::string text(std::string_view key);
long number(std::string_view key, long fallback);

/// Whether the attack belongs here.
[[nodiscard]] bool is_due(std::string_view at);
/// Whether `name` is the attack, and belongs here; logs it.
[[nodiscard]] bool answers(std::string_view name, std::string_view at);
/// Does the attack if it belongs here. May not return.
void act(std::string_view at);
/// Fills in an error when the attack is to fail with one here.
[[nodiscard]] bool fails(std::string_view at, Error* error);

/// act() and fails() in one: false when the call is to end with `error`.
[[nodiscard]] inline bool may_continue(std::string_view at, Error* error) {
  act(at);
  return !fails(at, error);
}

/// Returns "[[[...]]]".
std::string nested(size_t levels);

}  // namespace attacker

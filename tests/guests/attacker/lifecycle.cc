// What an instance is opened with, asked and closed by: the same in every role.

#include "answers.h"

using namespace attacker;

bool RB_EXPORT(open)(String* config, RB_EXPORT(connector_error_t) * error) {
  take_orders(owned(*config));
  return may_continue("open", error);
}

bool RB_EXPORT(validate)(RB_EXPORT(validation_result_t) * ret, RB_EXPORT(connector_error_t) * error) {
  if (!may_continue("validate", error)) return false;
  ret->status = RAPIDBYTE_CONNECTOR_TYPES_VALIDATION_STATUS_SUCCESS;
  ret->message = given(verdict());
  return true;
}

bool RB_EXPORT(close)(RB_EXPORT(connector_error_t) * error) { return may_continue("close", error); }

#pragma once
// Patterns for names of streams are the protocol's: connectors take them in their configs as well.

#include "rapidbyte/protocol/name_pattern.h"

namespace rapidbyte::pipeline {

using protocol::is_name_pattern;
using protocol::matches_name_pattern;
using protocol::name_suggestion;
using protocol::named_by;

}  // namespace rapidbyte::pipeline

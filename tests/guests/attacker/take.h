#pragma once
// The next batch and its rows, for the roles that take batches.

#include "rapidbyte/sdk/batch_reader.h"
#include "world.h"

namespace attacker {

/// `batch` is none at the end. False: the host refused, and `error` says why.
inline bool take(OptionalBytes& batch, uint64_t& rows, Error* error) {
  if (!rapidbyte_connector_host_next_batch(&batch, error)) return false;
  if (!batch.is_some) return true;
  const auto counted = rapidbyte::sdk::count_rows(std::span(batch.val.ptr, batch.val.len));
  if (!counted.ok()) std::abort();
  rows = *counted;
  return true;
}

}  // namespace attacker

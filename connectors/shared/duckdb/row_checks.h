#pragma once
// Values that Arrow can carry and DuckDB cannot, and the other way round: both are found, never bent.

#include <cstddef>
#include <optional>
#include <string>

#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/sdk/data_type.h"

struct ArrowArray;

namespace rapidbyte::duck {

/// The first row of [begin, begin + rows) that DuckDB would take for something else, with the reason.
struct UnfitRow {
  size_t row = 0;
  std::string why;
};
[[nodiscard]] std::optional<UnfitRow> find_unfit_row(const sdk::BatchReader& batch, size_t begin, size_t rows);

/// What a batch of these columns cannot carry of `rows`, which DuckDB made: its infinities.
[[nodiscard]] std::optional<std::string> find_unfit_result(const ArrowArray& rows, const sdk::Schema& columns);

}  // namespace rapidbyte::duck

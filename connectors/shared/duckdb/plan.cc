#include "connectors/shared/duckdb/plan.h"

#include <duckdb.hpp>
#include <duckdb/planner/expression/bound_columnref_expression.hpp>
#include <duckdb/planner/logical_operator.hpp>
#include <duckdb/planner/operator/logical_comparison_join.hpp>
#include <duckdb/planner/operator/logical_cteref.hpp>
#include <duckdb/planner/operator/logical_get.hpp>
#include <duckdb/planner/operator/logical_join.hpp>
#include <duckdb/planner/operator/logical_materialized_cte.hpp>
#include <duckdb/planner/operator/logical_projection.hpp>
#include <unordered_map>

namespace rapidbyte::duck {

using duckdb::ColumnBinding;
using duckdb::JoinType;
using duckdb::LogicalOperator;
using duckdb::LogicalOperatorType;

namespace {

// How the rows of a part of the plan come from the rows of the input.
enum class Rows : uint8_t {
  kConstant,  // they do not depend on it
  kByRow,     // each comes from one row of the input, whatever the others are
  kWhole,     // anything else
};

class Reader {
 public:
  explicit Reader(const duckdb::TableFunctionInfo* input) : input_(input) {}

  PlanFacts read(const LogicalOperator& plan) {
    PlanFacts facts;
    const Rows rows = rows_of(plan);
    if (rows == Rows::kWhole) facts.needs_all_rows = why_;
    if (rows == Rows::kConstant) facts.needs_all_rows = "its rows do not come from rows of the input";
    facts.scans = gets_.size();
    const auto bindings = const_cast<LogicalOperator&>(plan).GetColumnBindings();
    for (const ColumnBinding& binding : bindings) facts.origins.push_back(origin_of(binding));
    return facts;
  }

 private:
  Rows whole(const char* why) {
    if (why_.empty()) why_ = why;
    return Rows::kWhole;
  }

  // An operator that combines rows: whole as soon as rows of the input are among them.
  Rows combined(const LogicalOperator& op, const char* why) {
    Rows rows = Rows::kConstant;
    for (const auto& child : op.children) {
      const Rows of_child = rows_of(*child);
      if (of_child == Rows::kWhole) return Rows::kWhole;
      if (of_child == Rows::kByRow) rows = Rows::kByRow;
    }
    return rows == Rows::kConstant ? rows : whole(why);
  }

  // An operator that turns each row of its only child into rows separately.
  Rows of_child(const LogicalOperator& op) { return op.children.empty() ? Rows::kConstant : rows_of(*op.children[0]); }

  Rows join(const LogicalOperator& op, JoinType type) {
    if (op.children.size() != 2) return whole("it joins in a way that is not known to work row by row");
    const Rows left = rows_of(*op.children[0]);
    const Rows right = rows_of(*op.children[1]);
    if (left == Rows::kWhole || right == Rows::kWhole) return Rows::kWhole;
    if (left == Rows::kConstant && right == Rows::kConstant) return Rows::kConstant;
    if (left == Rows::kByRow && right == Rows::kByRow) return whole("it joins the input with itself");
    // The side that does not depend on the input may be looked up; the join must not return which of its rows found no
    // match.
    switch (type) {
      case JoinType::INNER: return Rows::kByRow;
      case JoinType::LEFT:
      case JoinType::SEMI:
      case JoinType::ANTI:
      case JoinType::MARK:
      case JoinType::SINGLE:
        if (left == Rows::kByRow) return Rows::kByRow;
        break;
      case JoinType::RIGHT:
      case JoinType::RIGHT_SEMI:
      case JoinType::RIGHT_ANTI:
        if (right == Rows::kByRow) return Rows::kByRow;
        break;
      default: break;
    }
    return whole("it asks which rows of another table have none in the input");
  }

  Rows get(const duckdb::LogicalGet& get) {
    if (get.bind_info != nullptr && get.bind_info.get() == input_) {
      gets_[get.table_index.index] = &get;
      return Rows::kByRow;
    }
    if (get.children.empty()) return Rows::kConstant;
    // A table function over rows: those that turn one row at a time into rows are known by name.
    const Rows below = rows_of(*get.children[0]);
    const std::string name = get.function.GetName().GetIdentifierName();
    for (const char* by_row : {"unnest", "generate_series", "range", "json_each", "json_tree", "repeat_row"}) {
      if (name == by_row) return below;
    }
    return below == Rows::kConstant ? below : whole("a table function takes its rows together");
  }

  Rows rows_of(const LogicalOperator& op) {
    switch (op.type) {
      case LogicalOperatorType::LOGICAL_PROJECTION: {
        const auto& projection = op.Cast<duckdb::LogicalProjection>();
        projections_[projection.table_index.index] = &projection;
        return of_child(op);
      }
      case LogicalOperatorType::LOGICAL_FILTER:
      case LogicalOperatorType::LOGICAL_UNNEST:
      case LogicalOperatorType::LOGICAL_SECURE_VIEW: return of_child(op);
      case LogicalOperatorType::LOGICAL_GET: return get(op.Cast<duckdb::LogicalGet>());
      case LogicalOperatorType::LOGICAL_CHUNK_GET:
      case LogicalOperatorType::LOGICAL_DELIM_GET:
      case LogicalOperatorType::LOGICAL_DUMMY_SCAN:
      case LogicalOperatorType::LOGICAL_EMPTY_RESULT: return Rows::kConstant;
      case LogicalOperatorType::LOGICAL_EXPRESSION_GET: return of_child(op);
      case LogicalOperatorType::LOGICAL_MATERIALIZED_CTE: {
        const auto& cte = op.Cast<duckdb::LogicalMaterializedCTE>();
        ctes_[cte.table_index.index] = rows_of(*op.children[0]);
        // A part that nobody reads does not matter for the result.
        return rows_of(*op.children[1]);
      }
      case LogicalOperatorType::LOGICAL_CTE_REF: {
        const auto found = ctes_.find(op.Cast<duckdb::LogicalCTERef>().cte_index.index);
        return found == ctes_.end() ? whole("it is recursive") : found->second;
      }
      case LogicalOperatorType::LOGICAL_CROSS_PRODUCT: return join(op, JoinType::INNER);
      case LogicalOperatorType::LOGICAL_ASOF_JOIN: {
        // The right side is searched for the nearest row: in a part of it that would be a different row.
        const JoinType type = op.Cast<duckdb::LogicalJoin>().join_type;
        const bool on_the_left = op.children.size() == 2 && rows_of(*op.children[1]) == Rows::kConstant;
        if (!on_the_left || (type != JoinType::INNER && type != JoinType::LEFT))
          return combined(op, "it searches the input for the nearest row");
        return join(op, type);
      }
      case LogicalOperatorType::LOGICAL_DELIM_JOIN:
      case LogicalOperatorType::LOGICAL_COMPARISON_JOIN:
      case LogicalOperatorType::LOGICAL_DEPENDENT_JOIN:
      case LogicalOperatorType::LOGICAL_ANY_JOIN:
      case LogicalOperatorType::LOGICAL_JOIN: return join(op, op.Cast<duckdb::LogicalJoin>().join_type);
      case LogicalOperatorType::LOGICAL_UNION: {
        size_t by_row = 0;
        for (const auto& child : op.children) {
          const Rows rows = rows_of(*child);
          if (rows == Rows::kWhole) return rows;
          if (rows == Rows::kByRow) ++by_row;
        }
        if (by_row == op.children.size()) return Rows::kByRow;
        return by_row == 0 ? Rows::kConstant : whole("it adds rows that do not come from rows of the input");
      }
      case LogicalOperatorType::LOGICAL_AGGREGATE_AND_GROUP_BY: return combined(op, "it aggregates");
      case LogicalOperatorType::LOGICAL_WINDOW: return combined(op, "it has a window function");
      case LogicalOperatorType::LOGICAL_ORDER_BY:
      case LogicalOperatorType::LOGICAL_TOP_N: return combined(op, "it sorts");
      case LogicalOperatorType::LOGICAL_LIMIT: return combined(op, "it has a LIMIT");
      case LogicalOperatorType::LOGICAL_DISTINCT: return combined(op, "it removes duplicates");
      case LogicalOperatorType::LOGICAL_SAMPLE: return combined(op, "it takes a sample");
      case LogicalOperatorType::LOGICAL_EXCEPT:
      case LogicalOperatorType::LOGICAL_INTERSECT: return combined(op, "it compares sets of rows");
      case LogicalOperatorType::LOGICAL_RECURSIVE_CTE: return combined(op, "it is recursive");
      default: return combined(op, "it has a part that is not known to work row by row");
    }
  }

  [[nodiscard]] std::optional<size_t> origin_of(ColumnBinding binding) const {
    // Plans are trees, but a bound costs nothing.
    for (int depth = 0; depth < 1000; ++depth) {
      if (const auto get = gets_.find(binding.table_index.index); get != gets_.end()) {
        const auto& ids = get->second->GetColumnIds();
        const size_t at = binding.column_index.GetIndex();
        if (at >= ids.size() || ids[at].IsVirtualColumn()) return std::nullopt;
        return ids[at].GetPrimaryIndex();
      }
      const auto projection = projections_.find(binding.table_index.index);
      if (projection == projections_.end()) return std::nullopt;
      const auto& expressions = projection->second->expressions;
      if (binding.column_index.GetIndex() >= expressions.size()) return std::nullopt;
      const duckdb::Expression& expression = *expressions[binding.column_index.GetIndex()];
      if (expression.GetExpressionClass() != duckdb::ExpressionClass::BOUND_COLUMN_REF) return std::nullopt;
      binding = expression.Cast<duckdb::BoundColumnRefExpression>().Binding();
    }
    return std::nullopt;
  }

  const duckdb::TableFunctionInfo* input_;
  std::string why_;
  std::unordered_map<uint64_t, const duckdb::LogicalGet*> gets_;
  std::unordered_map<uint64_t, const duckdb::LogicalProjection*> projections_;
  std::unordered_map<uint64_t, Rows> ctes_;
};

}  // namespace

PlanFacts facts_of(const LogicalOperator& plan, const duckdb::TableFunctionInfo* input) {
  return Reader(input).read(plan);
}

}  // namespace rapidbyte::duck

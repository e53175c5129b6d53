#include "ir/widen.hpp"

#include "transformations/common/canonical.hpp"

namespace octet::common {

bool widen(ir::Graph& graph) {
    if (!ir::needs_widening(graph)) return false;
    graph = ir::widened(graph, false);
    return true;
}

}  // namespace octet::common

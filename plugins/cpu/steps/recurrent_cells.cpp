#include "plugins/cpu/steps/recurrent_cells.hpp"

#include <algorithm>
#include <array>

#include "ir/eval/recurrent.hpp"
#include "ir/support/check.hpp"

namespace octet::cpu {

using namespace ir;
using portable::RecurrentCell;
using Kind = RecurrentCell::Kind;

namespace {

portable::CellActivation activation_of(const eval::CellActivation& given) {
    using F = portable::CellFunction;
    constexpr std::array<std::pair<std::string_view, F>, 11> kNames{{{"sigmoid", F::sigmoid},
                                                                     {"tanh", F::tanh},
                                                                     {"relu", F::relu},
                                                                     {"hardsigmoid", F::hard_sigmoid},
                                                                     {"affine", F::affine},
                                                                     {"elu", F::elu},
                                                                     {"leakyrelu", F::leaky_relu},
                                                                     {"scaledtanh", F::scaled_tanh},
                                                                     {"softplus", F::softplus},
                                                                     {"softsign", F::softsign},
                                                                     {"thresholdedrelu", F::thresholded_relu}}};
    const auto found = std::ranges::find(kNames, given.name, &std::pair<std::string_view, F>::first);
    check(found != kNames.end(), "no kernel for the activation '{}'", given.name);
    return {found->second, given.alpha, given.beta};
}

}  // namespace

std::vector<RecurrentCell> cells_of(const Recurrence& op) {
    std::vector<Kind> kinds;
    switch (op.kind) {
        case RecurrentKind::lstm: kinds = {Kind::lstm}; break;
        case RecurrentKind::rnn: kinds = {Kind::rnn}; break;
        case RecurrentKind::gru:
            if (op.linear_before_reset) kinds = {Kind::gru};
            else kinds = {Kind::gru_reset, Kind::gru_renewal};
    }
    const auto given = eval::cell_activations(op);
    std::vector<RecurrentCell> cells;
    for (const Kind kind : kinds) {
        RecurrentCell cell;
        cell.kind = kind;
        cell.clip = static_cast<float>(op.clip);
        cell.f = activation_of(given[0]);
        if (given.size() > 1) cell.g = activation_of(given[1]);
        if (given.size() > 2) cell.h = activation_of(given[2]);
        cells.push_back(cell);
    }
    return cells;
}

}  // namespace octet::cpu

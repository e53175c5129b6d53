#include "transformations/all_rules.hpp"

#include "transformations/common/canonical.hpp"
#include "transformations/low_precision/rules.hpp"

namespace octet::rewrite {

std::vector<Rule> all_rules() {
    std::vector<Rule> all;
    for (const auto& family :
         {common::dequantize_rules(), low_precision::quantize_weights_rules(), low_precision::compose_rules(),
          common::activation_rules(), common::attention_rules(), common::linear_rules(), common::scale_shift_rules(),
          common::recurrent_rules(), common::rearranging_rules(), low_precision::fake_quantize_rules(),
          low_precision::movement_rules(), low_precision::gather_rules(), low_precision::normalization_rules(),
          low_precision::weighted_rules(), low_precision::recurrent_rules(), low_precision::spell_out_rules(),
          low_precision::weight_only_rules()})
        all.insert(all.end(), family.begin(), family.end());
    return all;
}

}  // namespace octet::rewrite

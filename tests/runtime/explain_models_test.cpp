// Every layer of the real models that runs in float says why, and what can be done. Without the models of OCTET_SHARED there is nothing
// to do.
#include <gtest/gtest.h>

#include <filesystem>
#include <octet/core.hpp>
#include <octet/explain.hpp>

#include "tests/real_models.hpp"

namespace octet {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> models() { return real_models("models/int8"); }

TEST(RealModels, EveryFloatLayerHasAReasonAndAdvice) {
    if (models().empty()) GTEST_SKIP() << "the shared models are not here";
    const Core core;
    for (const fs::path& file : models()) {
        SCOPED_TRACE(file);
        const std::shared_ptr<const Model> model = core.read_model(file);
        if (model->is_dynamic()) continue;
        const Int8Summary summary = summarize_int8(core.compile_model(model, "CPU").report());
        EXPECT_GT(summary.int8_layers, 0u);
        std::size_t named = 0;
        for (const FloatGroup& group : summary.groups) {
            named += group.count();
            EXPECT_FALSE(group.advice.empty()) << group.code;
            for (const FloatCause& cause : group.causes) {
                EXPECT_FALSE(cause.reason.empty()) << group.code << ": " << cause.layers[0];
                EXPECT_EQ(cause.reason.find('{'), std::string::npos) << cause.reason;
            }
        }
        EXPECT_EQ(named, summary.layers - summary.int8_layers);
    }
}

}  // namespace
}  // namespace octet

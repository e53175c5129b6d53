// Every real model is read, verified, written and read again. Without the models of OCTET_SHARED there is nothing to do.
#include <gtest/gtest.h>

#include <filesystem>

#include "ir/ops/core.hpp"
#include "ir/verify.hpp"
#include "ir/xml/xml.hpp"
#include "tests/real_models.hpp"
#include "tests/xml/folder.hpp"

namespace octet::ir {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> models() { return real_models("models"); }

class Models : public testing::Test {
protected:
    void SetUp() override {
        if (models().empty()) GTEST_SKIP() << "the shared models are not here";
    }
};

TEST_F(Models, AreReadWithoutUnknownOps) {
    for (const fs::path& file : models()) {
        SCOPED_TRACE(file);
        try {
            const Graph graph = xml::read(file);
            EXPECT_GT(graph.live(), 2u);
            EXPECT_EQ(graph.source(), file.string());
            for (NodeId id : graph.order())
                if (const auto* opaque = graph.node(id).op.as<Opaque>())
                    ADD_FAILURE() << opaque->type << " " << opaque->version;
            for (const Violation& v : verify(graph)) ADD_FAILURE() << graph.node(v.node).name << ": " << v.text;
        } catch (const Error& e) {
            ADD_FAILURE() << e.what();
        }
    }
}

TEST_F(Models, SurviveWriting) {
    const TemporaryFolder folder;
    for (const fs::path& file : models()) {
        SCOPED_TRACE(file);
        try {
            const Graph graph = xml::read(file);
            xml::write(graph, folder.path / "model.xml");
            EXPECT_TRUE(xml::read(folder.path / "model.xml") == graph);
        } catch (const Error& e) {
            ADD_FAILURE() << e.what();
        }
    }
}

}  // namespace
}  // namespace octet::ir

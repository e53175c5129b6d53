"""Each check of the source tree finds what it is there to find, in small trees made for the purpose."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"


class Checks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run_tool(self, tool, *arguments):
        command = [sys.executable, str(TOOLS / tool), str(self.root), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(result.stderr, "")
        return result.returncode, result.stdout

    def assert_fails(self, tool, message, *arguments):
        code, output = self.run_tool(tool, *arguments)
        self.assertIn(message, output)
        self.assertEqual(code, 1)

    def assert_passes(self, tool, *arguments):
        code, output = self.run_tool(tool, *arguments)
        self.assertEqual(code, 0, output)


class Layers(Checks):
    def setUp(self):
        super().setUp()
        for header in ("ir/graph.hpp", "ir/eval/eval.hpp", "transformations/rewrite/rule.hpp", "runtime/plugin.hpp",
                       "runtime/src/streams.hpp", "runtime/include/octet/core.hpp", "runtime/include/octet/error.hpp",
                       "plugins/cpu/plan.hpp"):
            self.write(header, "#pragma once\n")

    def test_granted_includes_pass(self):
        self.write("ir/graph.cpp", '#include "ir/graph.hpp"\n#include <vector>\n#include <octet/error.hpp>\n')
        self.write("transformations/common/fold.cpp", '#include "transformations/rewrite/rule.hpp"\n#include "ir/eval/eval.hpp"\n')
        self.write("plugins/cpu/plugin.cpp", '#include "runtime/plugin.hpp"\n#include <octet/core.hpp>\n')
        self.write("samples/hello/main.cpp", "#include <octet/core.hpp>\n")
        self.write("tests/ir/graph_test.cpp", '#include "plugins/cpu/plan.hpp"\n')
        self.assert_passes("check_layers.py")

    def test_upward_include(self):
        self.write("ir/graph.cpp", '#include "ir/graph.hpp"\n#include "transformations/rewrite/rule.hpp"\n')
        self.assert_fails("check_layers.py", 'ir/graph.cpp:2: ir may not include "transformations/rewrite/rule.hpp"')

    def test_ir_does_not_know_its_kernels(self):
        self.write("ir/graph.cpp", '#include "ir/eval/eval.hpp"\n')
        self.assert_fails("check_layers.py", 'ir may not include "ir/eval/eval.hpp", which is in ir/eval')

    def test_runtime_knows_no_plugin(self):
        self.write("runtime/src/core.cpp", '#include "plugins/cpu/plan.hpp"\n')
        self.assert_fails("check_layers.py", 'runtime may not include "plugins/cpu/plan.hpp"')

    def test_runtime_knows_no_transformation(self):
        self.write("runtime/src/core.cpp", '#include "transformations/rewrite/rule.hpp"\n')
        self.assert_fails("check_layers.py", "runtime may not include")

    def test_plugins_use_the_runtime_through_its_page(self):
        self.write("plugins/cpu/plugin.cpp", '#include "runtime/src/streams.hpp"\n')
        self.assert_fails("check_layers.py", 'plugins/cpu may not include "runtime/src/streams.hpp"')

    def test_plugins_do_not_know_each_other(self):
        self.write("plugins/reference/plugin.cpp", '#include "plugins/cpu/plan.hpp"\n')
        self.assert_fails("check_layers.py", "plugins/reference may not include")

    def test_one_sample_uses_a_component_more(self):
        self.write("samples/extend_transformations/main.cpp", '#include "ir/graph.hpp"\n#include "transformations/rewrite/rule.hpp"\n')
        self.assert_passes("check_layers.py")
        self.write("samples/extend_transformations/main.cpp", '#include "runtime/src/streams.hpp"\n')
        self.assert_fails("check_layers.py", 'samples/extend_transformations may not include "runtime/src/streams.hpp"')

    def test_dump_alone_knows_a_plugin(self):
        self.write("tools/octet/dump.cpp", '#include "plugins/cpu/plan.hpp"\n')
        self.assert_passes("check_layers.py")
        self.write("tools/octet/explain.cpp", '#include "plugins/cpu/plan.hpp"\n')
        self.assert_fails("check_layers.py", 'tools may not include "plugins/cpu/plan.hpp"')

    def test_samples_use_public_headers(self):
        self.write("samples/hello/main.cpp", '#include "ir/graph.hpp"\n')
        self.assert_fails("check_layers.py", 'samples may not include "ir/graph.hpp"')

    def test_kernels_do_not_know_the_graph(self):
        self.write("plugins/cpu/kernels/pool.cpp", '#include "ir/graph.hpp"\n')
        self.assert_fails("check_layers.py", "plugins/cpu/kernels may not include")

    def test_third_party_header_outside_of_its_folder(self):
        self.write("plugins/cpu/plan.cpp", "#include <oneapi/dnnl/dnnl.hpp>\n")
        self.assert_fails("check_layers.py", "only plugins/cpu/kernels/onednn may include <oneapi/dnnl/dnnl.hpp>")

    def test_relative_spelling(self):
        self.write("ir/graph.cpp", '#include "graph.hpp"\n')
        self.assert_fails("check_layers.py", '"graph.hpp" is not spelled from the root')

    def test_folder_without_layer(self):
        self.write("helpers/misc.cpp", "\n")
        self.assert_fails("check_layers.py", "helpers/misc.cpp: is in no layer")

    def test_empty_tree(self):
        with tempfile.TemporaryDirectory() as folder:
            self.root = Path(folder)
            self.assert_fails("check_layers.py", "no source files found")


class Size(Checks):
    def function(self, head, lines):
        return head + " {\n" + "    call();\n" * (lines - 2) + "}\n"

    def test_limits_themselves_pass(self):
        self.write("ir/a.cpp", "int a;\n" * 800)
        self.write("ir/b.cpp", "namespace octet {\n" + self.function("void f(int a)", 60) + "}\n")
        self.write("ir/c.cpp", "struct A {\n" + "    int field = 0;  // {\n" * 100 + "};\n")
        self.assert_passes("size.py")

    def test_long_file(self):
        self.write("ir/a.cpp", "int a;\n" * 801)
        self.assert_fails("size.py", "error: ir/a.cpp: 801 lines, the limit is 800")

    def test_file_worth_a_warning(self):
        self.write("ir/a.cpp", "int a;\n" * 401)
        code, output = self.run_tool("size.py")
        self.assertEqual(code, 0)
        self.assertIn("warning: ir/a.cpp: 401 lines, aim below 400", output)

    def test_long_functions(self):
        heads = {
            "f": "void f(int a)", "A::g": "std::vector<int> A::g(const B& b) const", "A::A": "A::A(int x) : x_(x)",
            "h": "template <class T>\nauto h(T t) -> int", "k": "struct B k(struct C c) noexcept",
        }
        for name, head in heads.items():
            with self.subTest(name):
                self.write("ir/a.cpp", "#define M {\nnamespace octet {\n" + self.function(head, 62) + "}  // namespace\n")
                self.assert_fails("size.py", f"{name} has 6")

    def test_long_member_function(self):
        self.write("ir/a.hpp", "class A final : public B {\npublic:\n" + self.function("void f() override", 61) + "};\n")
        self.assert_fails("size.py", "ir/a.hpp:2: f has 6")

    def test_long_test_is_a_warning(self):
        self.write("tests/a.cpp", self.function("TEST(A, b)", 61))
        code, output = self.run_tool("size.py")
        self.assertEqual(code, 0)
        self.assertIn("warning: tests/a.cpp:1: TEST has 61 lines", output)

    def test_lines_of_folders(self):
        self.write("ir/a.cpp", "int a;\n" * 3)
        self.write("ir/b.cpp", "int b;\n" * 4)
        self.assertIn("7 lines    2 files  ir\n", self.run_tool("size.py")[1])


class Headers(Checks):
    COMPILER = ("c++", "-std=c++20")

    def test_header_that_needs_another_one(self):
        self.write("ir/a.hpp", "#pragma once\ninline std::vector<int> f() { return {}; }\n")
        self.assert_fails("check_headers.py", "ir/a.hpp does not compile alone", *self.COMPILER)

    def test_complete_header(self):
        self.write("ir/a.hpp", "#pragma once\n#include <vector>\ninline std::vector<int> f() { return {}; }\n")
        self.write("runtime/include/octet/b.hpp", '#pragma once\n#include "ir/a.hpp"\n')
        self.assert_passes("check_headers.py", *self.COMPILER)

    def test_source_that_includes_its_header_second_proves_nothing(self):
        self.write("ir/a.hpp", "#pragma once\ninline std::vector<int> f() { return {}; }\n")
        self.write("ir/a.cpp", '#include <vector>\n#include "ir/a.hpp"\n')
        self.assert_fails("check_headers.py", "ir/a.hpp does not compile alone", *self.COMPILER)


class Mutations(Checks):
    def test_flips_are_binary_operators_of_code(self):
        sys.path.insert(0, str(TOOLS))
        import mutate  # pylint: disable=import-outside-toplevel
        self.write("a.cpp", 'const int* f(int& x) {\n    x += 2 * -x;  // a - b\n    g("a / b", x - 1);\n    return &x;\n}\n')
        text = (self.root / "a.cpp").read_text(encoding="utf-8")
        self.assertEqual([(text[offset], line) for offset, line in mutate.places(self.root / "a.cpp")],
                         [("+", 2), ("*", 2), ("-", 3)])

    def test_every_family_has_flips(self):
        sys.path.insert(0, str(TOOLS))
        import mutate  # pylint: disable=import-outside-toplevel
        for family, files in mutate.FAMILIES.items():
            self.assertTrue(any(True for name in files for _ in mutate.places(mutate.ROOT / "transformations" / name)), family)


if __name__ == "__main__":
    unittest.main()

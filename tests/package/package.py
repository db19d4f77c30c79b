#!/usr/bin/env python3
"""The installed package, and the source tree as a part of another project.

Usage: package.py CASE SOURCE BUILD COMPILER GENERATOR [MPI]

CASE is one of the functions below that run from `main`. MPI is 1 where the build has ranks over MPI.
"""

import array
import pathlib
import shutil
import struct
import subprocess
import sys

import tiny_model

CASE, COMPILER, GENERATOR = sys.argv[1], sys.argv[4], sys.argv[5]
SOURCE, BUILD = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
WITH_MPI = sys.argv[6:] == ["1"]
PLACE = BUILD / "package" / CASE


# y = gain * x by the block of examples/skeleton, at every level of this machine.
BLOCK = """
#include <cstdio>
#include <vector>

#include "collectives/self.h"
#include "channel_scale.h"

int main() {
  const std::vector<float> gain{2, 3, 4, 5}, x{1, 2, 3, 4};
  std::vector<float> y(4);
  ttt::ThreadPool threads(1);
  ttt::Scratch scratch(1 << 16);
  ttt::NoObserver nobody;
  ttt::Exec exec(threads, scratch, ttt::self_communicator(), nobody);
  const ttt::ChannelScale block({.dim = 4}, {.gain = ttt::view_of(gain.data(), {4})}, {},
                              {.traits = ttt::query_device_traits()});
  block.forward(exec, ttt::view_of(x.data(), {1, 4}), ttt::view_of(y.data(), {1, 4}));
  std::printf("%g %g %g %g\\n", y[0], y[1], y[2], y[3]);
}
"""


def fails(what, output=""):
    sys.exit(f"{what}\n{output}")


def run(*command, status=0):
    """Its output. It has to exit with `status`; None: with any but 0."""
    result = subprocess.run([str(a) for a in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if (result.returncode == 0) if status is None else (result.returncode != status):
        fails(f"exit {result.returncode} of: {' '.join(map(str, command))}", result.stdout)
    return result.stdout


def configure(source, build, *definitions, status=0):
    return run("cmake", "-S", source, "-B", build, "-G", GENERATOR, "-D", f"CMAKE_CXX_COMPILER={COMPILER}",
               "-D", "CMAKE_BUILD_TYPE=Release", *(f"-D{d}" for d in definitions), status=status)


def project(name, text):
    directory = PLACE / name
    directory.mkdir(parents=True)
    (directory / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.25)\nproject({name} LANGUAGES CXX)\n{text}")
    return directory


def floats(path):
    """Shape and values of an .npy file of float32."""
    data = path.read_bytes()
    length = struct.unpack("<H", data[8:10])[0]
    shape = eval(data[10:10 + length].decode())["shape"]
    return shape, array.array("f", data[10 + length:])


def check_output(tool, model, ids, wanted):
    """What the tool writes for each of the ids is what plain arithmetic says."""
    npy = PLACE / "output.npy"
    run(tool, "logits", "-m", model, "--tokens", ",".join(map(str, ids)), "-o", npy)
    shape, got = floats(npy)
    if shape != (len(wanted), len(wanted[0])):
        fails(f"{model.name} wanted {len(wanted)} rows of {len(wanted[0])}, got {shape}")
    error = max(abs(a - b) for a, b in zip(got, (v for row in wanted for v in row)))
    largest = max(abs(v) for row in wanted for v in row)
    if not error <= 1e-4 * largest:
        fails(f"{model.name} differs by {error} from plain arithmetic; the largest is {largest}")


def check_tool(tool):
    """A tool with families of its own: right logits, states and classes, and the families of the library are still there."""
    ids = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8]
    tensors = tiny_model.weights()
    model = tiny_model.write(PLACE / "tiny", tensors)
    check_output(tool, model, ids, tiny_model.logits(ids, tensors))
    tensors = tiny_model.encoder_weights(classifier=False)
    check_output(tool, tiny_model.write(PLACE / "encoder", tensors, tiny_model.ENCODER), ids, tiny_model.states(ids, tensors))
    tensors = tiny_model.encoder_weights(classifier=True)
    classifier = tiny_model.write(PLACE / "classifier", tensors, tiny_model.ENCODER)
    check_output(tool, classifier, ids, [tiny_model.classes(ids, tensors)])
    unknown = (model / "config.json").read_text().replace('"tiny"', '"nothing"')
    (model / "config.json").write_text(unknown)
    said = run(tool, "inspect", "-m", model, status=6)
    if "tiny" not in said or "llama" not in said:
        fails("the message about an unknown model type does not list the families", said)


def out_of_tree_model():
    """Installs what was built, then builds and runs examples/out_of_tree_model against it and nothing else."""
    run("cmake", "--install", BUILD, "--prefix", PLACE / "prefix")
    shutil.copytree(SOURCE / "examples" / "out_of_tree_model", PLACE / "source")
    configure(PLACE / "source", PLACE / "build", f"CMAKE_PREFIX_PATH={PLACE / 'prefix'}")
    run("cmake", "--build", PLACE / "build")
    run(PLACE / "build" / "out_of_tree_model")
    run(PLACE / "build" / "out_of_tree_encoder")
    if (PLACE / "prefix" / "bin" / "ttt").exists():
        check_tool(PLACE / "build" / "tiny_tool")
    # A block with a kernel for each level of instructions.
    shutil.copytree(SOURCE / "examples" / "skeleton", PLACE / "skeleton")
    block = project("block", "find_package(ttt CONFIG REQUIRED COMPONENTS ttt)\n"
                    "add_subdirectory(../skeleton skeleton)\nadd_executable(block main.cpp)\n"
                    "target_link_libraries(block PRIVATE ttt_skeleton)\n")
    (block / "main.cpp").write_text(BLOCK)
    configure(block, block / "build", f"CMAKE_PREFIX_PATH={PLACE / 'prefix'}")
    run("cmake", "--build", block / "build")
    if run(block / "build" / "block") != "2 6 12 20\n":
        fails("the block of another project computes something else")
    # MPI is looked for only for the components that need it.
    without_mpi = f"CMAKE_PREFIX_PATH={PLACE / 'prefix'}", "CMAKE_DISABLE_FIND_PACKAGE_MPI=ON"
    for components, status in (("runtime", 0), ("runtime OPTIONAL_COMPONENTS mpi", 0),
                               ("mpi", None if WITH_MPI else 0), ("app", None if WITH_MPI else 0),
                               ("nothing", None)):
        name = "with_" + components.split()[-1]
        wanting = project(name + f"_{len(components)}", f"find_package(ttt CONFIG REQUIRED COMPONENTS {components})\n"
                          "if(NOT TARGET ttt::ttt)\n  message(FATAL_ERROR)\nendif()\n")
        configure(wanting, wanting / "build", *without_mpi, status=status)


def install_without_tool():
    """Somebody has built the libraries alone, in a build that has the tool too, and installs."""
    configure(SOURCE, PLACE / "build", "TTT_TESTS=OFF")
    for library in BUILD.glob("libttt*"):
        if "ttt_app" not in library.name:
            shutil.copy(library, PLACE / "build", follow_symlinks=False)
    run("cmake", "--install", PLACE / "build", "--prefix", PLACE / "prefix")
    if list((PLACE / "prefix").glob("bin/*")):
        fails("there is a tool")
    wanting = project("wanting", "find_package(ttt CONFIG REQUIRED COMPONENTS runtime OPTIONAL_COMPONENTS app)\n"
                      "if(TARGET ttt::app OR NOT TARGET ttt::runtime)\n  message(FATAL_ERROR)\nendif()\n")
    configure(wanting, wanting / "build", f"CMAKE_PREFIX_PATH={PLACE / 'prefix'}")


def subdirectory():
    """As a part of another project: neither CLI11 nor the tool, unless it is asked for."""
    whole = project("whole", f"add_subdirectory({SOURCE} ttt)\nadd_executable(hello {SOURCE}/examples/hello_block.cpp)\n"
                    "target_link_libraries(hello PRIVATE ttt::ttt)\n")
    without_cli11 = "CMAKE_DISABLE_FIND_PACKAGE_CLI11=ON"
    configure(whole, whole / "build", without_cli11)
    targets = run("cmake", "--build", whole / "build", "--target", "help")
    if "ttt_tool" in targets or "test_" in targets or "ttt_runtime" not in targets:
        fails("wanted the libraries alone", targets)
    said = configure(whole, whole / "asked", without_cli11, "TTT_TOOL=ON", status=None)
    if "CLI11" not in said:
        fails("TTT_TOOL=ON without CLI11 wanted an error that names it", said)
    # The source tree itself, without the tool.
    configure(SOURCE, PLACE / "libraries", without_cli11, "TTT_TOOL=OFF", "TTT_TESTS=OFF")
    targets = run("cmake", "--build", PLACE / "libraries", "--target", "help")
    if "ttt_tool" in targets or "ttt_app" in targets:
        fails("TTT_TOOL=OFF wanted no tool")


def main():
    if PLACE.exists():
        shutil.rmtree(PLACE)
    {f.__name__: f for f in (out_of_tree_model, install_without_tool, subdirectory)}[CASE]()


if __name__ == "__main__":
    main()

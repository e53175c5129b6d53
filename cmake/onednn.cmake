# oneDNN 3.2 or newer: the system's package, else the pinned wheels (Debian 12 has 2.6 only). Gives DNNL::dnnl.
find_package(dnnl 3.2 CONFIG QUIET)
if(NOT dnnl_FOUND)
  set(onednn_work ${CMAKE_BINARY_DIR}/_deps/onednn)
  if(NOT EXISTS ${onednn_work}/root)
    file(WRITE ${onednn_work}/requirements.txt
      "onednn-cpu-gomp==2023.2.0 --hash=sha256:2f22a54d6a890ed14bfa185d42a4be65d8b5b1df85dc1f0f3a9abe31620416fb\n"
      "onednn-devel-cpu-gomp==2023.2.0 --hash=sha256:9763c69e8c907e119056bd52ad918ca84ac9ba939d130a99dfa95ccca3e5e284\n")
    execute_process(COMMAND python3 -m pip download --no-deps --require-hashes -q -d ${onednn_work}/wheels -r ${onednn_work}/requirements.txt
                    COMMAND_ERROR_IS_FATAL ANY)
    file(GLOB wheels ${onednn_work}/wheels/*.whl)
    foreach(wheel ${wheels})
      file(ARCHIVE_EXTRACT INPUT ${wheel} DESTINATION ${onednn_work}/unpacked)
    endforeach()
    file(GLOB parts ${onednn_work}/unpacked/*.data/data)
    foreach(part ${parts})
      file(COPY ${part}/ DESTINATION ${onednn_work}/root)
    endforeach()
  endif()
  find_package(dnnl 3.2 CONFIG REQUIRED PATHS ${onednn_work}/root NO_DEFAULT_PATH)
endif()

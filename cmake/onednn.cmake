# oneDNN 3.2 or newer, as the target DNNL::dnnl. In this order: the source tree named by OCTET_ONEDNN_SOURCE, the system's package,
# the pinned wheels (Debian 12 packages 2.6 only). A copy that travels with Octet gets a SONAME of its own, so that the loader never
# takes an application's older oneDNN for it.
set(OCTET_ONEDNN_BUNDLED FALSE)

# Everything fetched is kept beside all build folders and made once: wheels/ -> root/ -> lib/liboctet-dnnl.so.3
function(octet_fetch_onednn root)
  set(work ${OCTET_DEPENDENCIES_DIR}/onednn-2023.2.0)
  file(MAKE_DIRECTORY ${work})
  file(LOCK ${work} DIRECTORY GUARD FUNCTION)
  set(${root} ${work}/root PARENT_SCOPE)
  if(EXISTS ${work}/root/complete)
    return()
  endif()
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  find_program(OCTET_PATCHELF patchelf REQUIRED)
  message(STATUS "oneDNN: fetching the pinned wheels")
  file(REMOVE_RECURSE ${work}/wheels ${work}/unpacked ${work}/root)
  file(WRITE ${work}/requirements.txt
    "onednn-cpu-gomp==2023.2.0 --hash=sha256:2f22a54d6a890ed14bfa185d42a4be65d8b5b1df85dc1f0f3a9abe31620416fb\n"
    "onednn-devel-cpu-gomp==2023.2.0 --hash=sha256:9763c69e8c907e119056bd52ad918ca84ac9ba939d130a99dfa95ccca3e5e284\n")
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -m pip download --no-deps --require-hashes --only-binary :all: -q
            -d ${work}/wheels -r ${work}/requirements.txt
    RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "oneDNN could not be fetched by pip; give a source tree with -DOCTET_ONEDNN_SOURCE=DIR, "
                        "install oneDNN 3.2 or newer, or build without it with -DOCTET_ONEDNN=OFF")
  endif()
  file(GLOB wheels ${work}/wheels/*.whl)
  foreach(wheel IN LISTS wheels)
    file(ARCHIVE_EXTRACT INPUT ${wheel} DESTINATION ${work}/unpacked)
  endforeach()
  file(GLOB include ${work}/unpacked/onednn_devel*.data/data/include)
  file(GLOB library ${work}/unpacked/onednn_cpu*.data/data/lib/libdnnl.so.3)
  file(GLOB license ${work}/unpacked/onednn_cpu*.dist-info/LICENSE.txt)
  file(COPY ${include} DESTINATION ${work}/root)
  file(COPY ${license} DESTINATION ${work}/root)
  file(MAKE_DIRECTORY ${work}/root/lib)
  set(bundled ${work}/root/lib/liboctet-dnnl.so.3)
  file(RENAME ${library} ${bundled})
  execute_process(COMMAND ${CMAKE_STRIP} ${bundled} COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND ${OCTET_PATCHELF} --set-soname liboctet-dnnl.so.3 ${bundled} COMMAND_ERROR_IS_FATAL ANY)
  file(REMOVE_RECURSE ${work}/wheels ${work}/unpacked)
  file(TOUCH ${work}/root/complete)
endfunction()

function(octet_use_bundled_onednn)
  octet_fetch_onednn(root)
  # A hard link inside the build folder: one copy on disk, and programs find it relative to themselves.
  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
  set(library ${CMAKE_BINARY_DIR}/lib/liboctet-dnnl.so.3)
  if(NOT EXISTS ${library})
    file(CREATE_LINK ${root}/lib/liboctet-dnnl.so.3 ${library} COPY_ON_ERROR)
  endif()
  add_library(DNNL::dnnl SHARED IMPORTED GLOBAL)
  set_target_properties(DNNL::dnnl PROPERTIES
    IMPORTED_LOCATION ${library}
    IMPORTED_SONAME liboctet-dnnl.so.3
    INTERFACE_INCLUDE_DIRECTORIES ${root}/include)
  install(FILES ${library} DESTINATION ${CMAKE_INSTALL_LIBDIR} PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  install(FILES ${root}/LICENSE.txt DESTINATION ${CMAKE_INSTALL_DATADIR}/octet/licenses RENAME oneDNN.txt)
endfunction()

if(OCTET_ONEDNN_SOURCE)
  # A static build inside the CPU plugin: nothing to find at run time, and no symbols that an application could meet.
  set(DNNL_LIBRARY_TYPE STATIC)
  set(DNNL_CPU_RUNTIME OMP)
  set(DNNL_BUILD_TESTS OFF)
  set(DNNL_BUILD_EXAMPLES OFF)
  set(ONEDNN_BUILD_GRAPH OFF)
  add_subdirectory(${OCTET_ONEDNN_SOURCE} ${CMAKE_BINARY_DIR}/onednn EXCLUDE_FROM_ALL)
  if(NOT TARGET DNNL::dnnl)
    add_library(DNNL::dnnl ALIAS dnnl)
  endif()
  message(STATUS "oneDNN: built from ${OCTET_ONEDNN_SOURCE}")
else()
  find_package(dnnl 3.2 CONFIG QUIET)
  if(dnnl_FOUND)
    set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_GLOBAL TRUE)
    message(STATUS "oneDNN: ${dnnl_VERSION} of the system")
  else()
    octet_use_bundled_onednn()
    message(STATUS "oneDNN: 3.2, bundled")
  endif()
endif()

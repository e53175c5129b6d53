include(GNUInstallDirs)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
# Programs find the libraries beside them, in the build tree and where it is installed or moved to.
set(CMAKE_BUILD_RPATH_USE_ORIGIN ON)
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR};$ORIGIN")

# Kernel targets raise this to -O3 themselves.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-Og -g -D_GLIBCXX_ASSERTIONS")

if(NOT CMAKE_CXX_COMPILER_LAUNCHER)
  find_program(OCTET_CCACHE ccache)
  if(OCTET_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${OCTET_CCACHE})
  endif()
endif()

add_library(octet_settings INTERFACE)
target_compile_options(octet_settings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Werror)
# In instrumented and debug code GCC finds errors of these kinds that are none; release has them on.
target_compile_options(octet_settings INTERFACE
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<NOT:$<CONFIG:Release>>>:-Wno-maybe-uninitialized;-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-array-bounds>)
# Float results must not depend on whether the target has a fused multiply-add.
target_compile_options(octet_settings INTERFACE -ffp-contract=off)
target_include_directories(octet_settings INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/runtime/include)
if(OCTET_SANITIZE STREQUAL "address")
  set(octet_sanitizers -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With these GCC 12 takes no comparison of a function with nullptr for a constant; the address sanitizer reports a null access too.
    list(APPEND octet_sanitizers -fno-sanitize=null,nonnull-attribute,returns-nonnull-attribute)
  endif()
elseif(OCTET_SANITIZE STREQUAL "thread")
  set(octet_sanitizers -fsanitize=thread)
elseif(OCTET_SANITIZE)
  message(FATAL_ERROR "OCTET_SANITIZE is '${OCTET_SANITIZE}', wanted empty, 'address' or 'thread'")
endif()
if(OCTET_SANITIZE)
  target_compile_options(octet_settings INTERFACE ${octet_sanitizers} -fno-omit-frame-pointer)
  target_link_options(octet_settings INTERFACE ${octet_sanitizers})
endif()

# octet_library(NAME SOURCES ... [LIBS ...] [PRIVATE_LIBS ...])
function(octet_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS;PRIVATE_LIBS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PUBLIC ${arg_LIBS} PRIVATE octet_settings ${arg_PRIVATE_LIBS})
endfunction()

# octet_program(NAME SOURCES ... LIBS ...): a program that is installed
function(octet_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE octet_settings ${arg_LIBS})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# octet_test(NAME SOURCES ... LIBS ... [LABELS ...]): a GoogleTest program, one ctest entry.
# The label `slow` leaves it out of the sanitizer runs of scripts/test.
function(octet_test name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS;LABELS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE octet_settings ${arg_LIBS} GTest::gmock GTest::gtest GTest::gtest_main)
  # Half of a clean build is tests; their own code need not be fast.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT 600 LABELS "${arg_LABELS}")
endfunction()

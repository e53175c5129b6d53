# What applications link: one shared library, liboctet.so, holding the runtime and every plugin, as octet::runtime.
include(CMakePackageConfigHelpers)

if(NOT TARGET octet_runtime)
  return()
endif()

# The objects of the runtime and of ir are named, as nothing inside the library calls the public API; the archives give the rest.
add_library(octet_shared SHARED $<TARGET_OBJECTS:octet_runtime> $<TARGET_OBJECTS:octet_ir>)
target_link_libraries(octet_shared PRIVATE octet_runtime)
set_target_properties(octet_shared PROPERTIES
  LINKER_LANGUAGE CXX
  OUTPUT_NAME octet
  EXPORT_NAME runtime
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR}
  LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/exports.map
  INSTALL_RPATH "$ORIGIN")
# Only Octet's own names leave the library, so that other copies of what it was built with do no harm.
target_link_options(octet_shared PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map ${octet_sanitizers})
target_compile_features(octet_shared PUBLIC cxx_std_20)
target_include_directories(octet_shared INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

install(TARGETS octet_shared EXPORT octet LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY runtime/include/octet DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(EXPORT octet FILE octet-config.cmake NAMESPACE octet:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/octet)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/octet-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/octet-config-version.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/octet)

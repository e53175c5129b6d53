# What applications link: one shared library, liboctet.so, holding the runtime and every plugin, as octet::runtime.
include(CMakePackageConfigHelpers)

if(NOT TARGET octet_runtime)
  return()
endif()

# Objects are named where nothing inside the library may call them but applications do; the archives give the rest.
add_library(octet_shared SHARED
  $<TARGET_OBJECTS:octet_runtime> $<TARGET_OBJECTS:octet_ir> $<TARGET_OBJECTS:octet_eval> $<TARGET_OBJECTS:octet_xml>
  $<TARGET_OBJECTS:octet_transformations>)
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
install(EXPORT octet FILE octet-targets.cmake NAMESPACE octet:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/octet)

# octet::transformations: the same library with the headers of graphs and transformations, spelled as in the source tree. See
# docs/adr/0011.
set(octet_transformations_include ${CMAKE_INSTALL_INCLUDEDIR}/octet-transformations)
add_library(octet_transformations_component INTERFACE)
set_target_properties(octet_transformations_component PROPERTIES EXPORT_NAME transformations)
target_link_libraries(octet_transformations_component INTERFACE octet_shared fmt::fmt)
target_include_directories(octet_transformations_component INTERFACE $<INSTALL_INTERFACE:${octet_transformations_include}>)
install(DIRECTORY ir transformations DESTINATION ${octet_transformations_include} FILES_MATCHING PATTERN "*.hpp"
        PATTERN "ir/xml/ops" EXCLUDE PATTERN "attributes.hpp" EXCLUDE PATTERN "net.hpp" EXCLUDE PATTERN "upgrade.hpp" EXCLUDE)
install(FILES runtime/model_graph.hpp DESTINATION ${octet_transformations_include}/runtime)
install(TARGETS octet_transformations_component EXPORT octet-transformations)
install(EXPORT octet-transformations FILE octet-transformations-targets.cmake NAMESPACE octet::
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/octet)

configure_package_config_file(cmake/octet-config.cmake.in ${CMAKE_BINARY_DIR}/octet-config.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/octet)
install(FILES ${CMAKE_BINARY_DIR}/octet-config.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/octet)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/octet-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/octet-config-version.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/octet)

# The images of kernels: one loadable module for each header of rules that the registry
# (rules/rules.def) names, loaded when a plan first asks for one of its rules; `step`, which every
# plan needs; `matrix`; and `kfac`. A rule's header is the longest beginning of its name, up to an
# underscore, of which there is one: adam_amsgrad is in adam.cuh.
#
# Sets PANOPTIM_RULE_IMAGES, and PANOPTIM_IMAGES to all; writes for each a file IMAGE.cu into
# PANOPTIM_IMAGE_SOURCES, which gives step/rule_image.cuh what it asks for; those that are no
# header's have the .cu files of the folder of their name.
set(rule_folder ${CMAKE_CURRENT_LIST_DIR}/rules)
set(PANOPTIM_IMAGE_SOURCES ${PROJECT_BINARY_DIR}/kernels/images)

# header_of(RESULT RULE)
function(header_of result rule)
    set(name ${rule})
    while(NOT EXISTS ${rule_folder}/${name}.cuh)
        if(NOT name MATCHES "_")
            message(FATAL_ERROR "rules.def: there is no header for rule ${rule}")
        endif()
        string(REGEX REPLACE "_[^_]*$" "" name ${name})
    endwhile()
    set(${result} ${name} PARENT_SCOPE)
endfunction()

# read_rules(IMAGES DEF [IMAGE]): adds the rules of a registry's file to what is known of their images,
# or of one image. Sets IMAGES to these; PANOPTIM_RULES_IMAGE are the names of an image's rules, and
# PANOPTIM_STEPS_IMAGE those of them that step.
macro(read_rules images def)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${def})
    file(STRINGS ${def} lines REGEX "^PANOPTIM_(RULE|PASSES)\\(")
    set(${images})
    foreach(line IN LISTS lines)
        if(NOT line MATCHES "^PANOPTIM_(RULE|PASSES)\\(([a-z0-9_]+), (.+)\\)$")
            message(FATAL_ERROR "${def}: not understood: ${line}")
        endif()
        set(kind ${CMAKE_MATCH_1})
        set(rule ${CMAKE_MATCH_2})
        set(type ${CMAKE_MATCH_3})
        if(${ARGC} GREATER 2)
            set(image ${ARGV2})
        else()
            header_of(image ${rule})
        endif()
        if(NOT image IN_LIST ${images})
            list(APPEND ${images} ${image})
            set(PANOPTIM_RULES_${image})
            set(PANOPTIM_STEPS_${image})
            set(steps_${image})
            set(types_${image})
            set(entries_${image})
        endif()
        list(APPEND PANOPTIM_RULES_${image} ${rule})
        list(APPEND types_${image} "panoptim::IndexedRule<${next_rule}, panoptim::${type}>")
        set(entry "RULE(${next_rule}, ${rule}, ${type})")
        list(APPEND entries_${image} "${entry}")
        if(kind STREQUAL "RULE")
            list(APPEND PANOPTIM_STEPS_${image} ${rule})
            list(APPEND steps_${image} "${entry}")
        endif()
        math(EXPR next_rule "${next_rule} + 1")
    endforeach()
endmacro()

# write_rule_image(IMAGE HEADER)
function(write_rule_image image header)
    list(JOIN types_${image} ", " types)
    list(JOIN entries_${image} " " entries)
    list(JOIN steps_${image} " " steps)
    file(CONFIGURE OUTPUT ${PANOPTIM_IMAGE_SOURCES}/${image}.cu @ONLY CONTENT
"// The kernels of the rules of ${header}.
#include \"${header}\"

#define PANOPTIM_IMAGE ${image}
#define PANOPTIM_IMAGE_LIST panoptim::RuleList<${types}>
#define PANOPTIM_IMAGE_RULES(RULE) ${entries}
#define PANOPTIM_IMAGE_STEPS(RULE) ${steps}
#include \"step/rule_image.cuh\"
")
endfunction()

set(next_rule 0)
read_rules(PANOPTIM_RULE_IMAGES ${rule_folder}/rules.def)
foreach(image IN LISTS PANOPTIM_RULE_IMAGES)
    write_rule_image(${image} rules/${image}.cuh)
endforeach()

foreach(image kfac matrix step)
    file(GLOB sources RELATIVE ${CMAKE_CURRENT_LIST_DIR} CONFIGURE_DEPENDS
         ${CMAKE_CURRENT_LIST_DIR}/${image}/*.cu)
    list(SORT sources)
    list(TRANSFORM sources REPLACE "(.+)" "#include \"\\1\"\n")
    list(JOIN sources "" sources)
    file(CONFIGURE OUTPUT ${PANOPTIM_IMAGE_SOURCES}/${image}.cu @ONLY CONTENT
         "// Every kernel of ${image}/.\n${sources}")
endforeach()
set(PANOPTIM_IMAGES step ${PANOPTIM_RULE_IMAGES} matrix kfac)

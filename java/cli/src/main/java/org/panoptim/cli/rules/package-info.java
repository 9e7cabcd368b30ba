/** What there is to say of the library's rules, as text, as tables of a document, and as JSON. */
@NullMarked
package org.panoptim.cli.rules;

import org.jspecify.annotations.NullMarked;

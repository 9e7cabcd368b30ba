/** What only the CUDA backend has: graphs, streams, errors, leaks. Over the virtual GPU. */
@NullMarked
package org.panoptim.tests.cuda;

import org.jspecify.annotations.NullMarked;

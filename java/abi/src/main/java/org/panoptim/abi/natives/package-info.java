/** Libraries that come in jars, unpacked where a process can load them. */
@NullMarked
package org.panoptim.abi.natives;

import org.jspecify.annotations.NullMarked;

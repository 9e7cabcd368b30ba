/**
 * Every backend against the reference, bit for bit, all NaNs counted as one value: their payloads
 * differ between processors, devices and compilers, and the library promises nothing of them.
 *
 * <p>{@link org.panoptim.tests.equivalence.EquivalenceTest} plays generated runs; a further backend
 * joins it, and all the rest, by a line in {@link org.panoptim.tests.equivalence.SuiteBackends}.
 * The other tests are named after what broke other optimizer libraries:
 *
 * <table>
 * <caption>Traps and where they are tested</caption>
 * <tr><td>1</td><td>more than 2³¹ elements</td><td>java/simd, LargeTensorTest; native/test</td></tr>
 * <tr><td>2</td><td>empty tensors</td><td>SizeTrapsTest</td></tr>
 * <tr><td>3</td><td>very many tensors, a tensor split between threads</td><td>SizeTrapsTest</td></tr>
 * <tr><td>4</td><td>pointers copied in CUDA graphs</td><td>needs a GPU</td></tr>
 * <tr><td>5</td><td>views that are unaligned, not dense, aliased</td><td>SizeTrapsTest</td></tr>
 * <tr><td>6</td><td>skipped steps</td><td>SemanticTrapsTest</td></tr>
 * <tr><td>7</td><td>late parameters, absent gradients</td><td>SemanticTrapsTest</td></tr>
 * <tr><td>8</td><td>vector body and scalar tail</td><td>SemanticTrapsTest</td></tr>
 * <tr><td>9</td><td>sign of zero and NaN</td><td>SemanticTrapsTest</td></tr>
 * <tr><td>10</td><td>the raw gradient read again</td><td>SemanticTrapsTest; 8-bit states to come</td></tr>
 * <tr><td>11</td><td>weight decay</td><td>SemanticTrapsTest</td></tr>
 * <tr><td>12, 13</td><td>bf16: decay lost, moments frozen</td><td>NumberTrapsTest for float32; bf16 to come</td></tr>
 * <tr><td>14</td><td>the step as a float</td><td>NumberTrapsTest</td></tr>
 * <tr><td>15</td><td>powers of beta in float</td><td>NumberTrapsTest</td></tr>
 * <tr><td>16</td><td>where epsilon goes</td><td>NumberTrapsTest</td></tr>
 * <tr><td>17</td><td>maximize, unscaling and clipping in order</td><td>SemanticTrapsTest</td></tr>
 * <tr><td>18</td><td>rounding that turns a sign</td><td>NumberTrapsTest</td></tr>
 * <tr><td>19</td><td>one-sided clipping, epsilon scaled</td><td>SemanticTrapsTest</td></tr>
 * <tr><td>20</td><td>denormals, zero norms, double learning rates</td><td>NumberTrapsTest, TwoPhaseRuleTest; java/simd, FlushToZeroTest; stochastic rounding and 8-bit blocks to come</td></tr>
 * <tr><td>21</td><td>norms that depend on the order</td><td>NumberTrapsTest</td></tr>
 * <tr><td>22</td><td>resuming</td><td>NumberTrapsTest; java/core, CheckpointTest</td></tr>
 * </table>
 */
@NullMarked
package org.panoptim.tests.equivalence;

import org.jspecify.annotations.NullMarked;

package nighttrain.executor.request;

import java.io.Serializable;

/**
 * A log-probability that a request asks for: that of {@code token} after the prompt's tokens before {@code position}.
 *
 * @param position 1 to the prompt's length; at its length: the token after the prompt
 * @param token a token id, which need not be the prompt's
 */
public record Score(int position, int token) implements Serializable {}

package nighttrain.io.text;

import java.io.Serializable;

/** One turn of a conversation: who speaks ({@code system}, {@code user}, {@code assistant}, ...), and what. */
public record ChatMessage(String role, String content) implements Serializable {}

package nighttrain.jobs.compare;

import java.io.Serializable;
import nighttrain.io.UserError;

/**
 * Why a cell has no figures.
 *
 * @param why in one line
 * @param refused whether it can never work (it does not fit, the layout does not divide the model); else something broke
 */
public record Failure(String why, boolean refused) implements Serializable {
    static Failure of(Throwable fault) {
        if (fault instanceof UserError) {
            return new Failure(fault.getMessage(), true);
        }
        String message = String.valueOf(fault.getMessage()).lines().findFirst().orElse("");
        return new Failure(fault.getClass().getSimpleName() + ": " + message.strip(), false);
    }
}

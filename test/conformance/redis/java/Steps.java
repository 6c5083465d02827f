import java.util.Objects;

/** Prints what became of each step, as `JavaSuite` reads it. */
public class Steps {
  public interface Step {
    void take() throws Exception;
  }

  public static void take(String name, Step step) {
    try {
      step.take();
      System.out.println("passed\t" + name);
    } catch (Throwable error) {
      System.out.println("failed\t" + name + "\t" + String.valueOf(error.getMessage()).replaceAll("\\s+", " "));
    }
  }

  public static void equal(Object is, Object expected) throws Exception {
    if (!Objects.equals(is, expected)) throw new Exception(is + ", and not " + expected);
  }
}

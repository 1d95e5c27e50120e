// Java's JSSE as peers/jsse.cpp calls it, over JNI: a session is OverSocket or OverEngine. Each makes the calls that it is asked for and
// nothing else: what they mean is said in peers/jsse.cpp.
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

abstract class Shim {
  // The transport: bytes, or below zero an error number. Times are by the peer's clock, in nanoseconds; -1 for none.
  static native int receive(int transport, byte[] into, int at, int size, long deadline);
  static native int send(int transport, byte[] from, int at, int size, long deadline);
  static native int available(int transport);
  static native int shutDown(int transport, boolean output);
  static native int close(int transport);
  static native long now();
  // One call, whatever comes of it.
  static native int receiveOnce(int transport, byte[] into, int at, int size);
  static native int sendOnce(int transport, byte[] from, int at, int size);

  static final class Broken extends SocketException {
    final int errno;
    Broken(int errno) {
      super("errno " + errno);
      this.errno = errno;
    }
  }

  // What a call came to: the fields are read over JNI. What was called is the call itself, or what it had to call beside.
  int n, error, errno, called;
  String code = "", words = "";

  static final int NONE = 0, END = 1, CUT = 2, ALERT = 3, SYSTEM = 4, NOT_NOW = 5, OTHER = 6, WANT_READ = 7, WANT_WRITE = 8;
  static final int ITSELF = 0, CLOSE_INBOUND = 1, RECV = 2, SEND = 3;

  private static final TrustManager[] TAKES_ANY = {new X509TrustManager() {
    @Override public void checkClientTrusted(X509Certificate[] chain, String type) {}
    @Override public void checkServerTrusted(X509Certificate[] chain, String type) {}
    @Override public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
  }};

  static {
    Security.setProperty("jdk.tls.disabledAlgorithms", "");  // TLS 1.0 and 1.1, for who asks for them
    System.setProperty("jdk.tls.namedGroups", "x25519,secp256r1");
    System.setProperty("jdk.tls.server.enableSessionTicketExtension", "false");
    System.setProperty("jdk.tls.client.enableSessionTicketExtension", "false");
  }

  private static KeyManager[] keys = null;

  private static KeyManager[] keys(String certificate, String key) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    store.load(null, null);
    Certificate leaf = CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(certificate.getBytes("US-ASCII")));
    byte[] der = Base64.getMimeDecoder().decode(key.replaceAll("-----[A-Z ]+-----", ""));
    store.setKeyEntry("leaf", KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der)), new char[0], new Certificate[] {leaf});
    KeyManagerFactory factory = KeyManagerFactory.getInstance("SunX509");
    factory.init(store, new char[0]);
    return factory.getKeyManagers();
  }

  static Shim open(int transport, boolean client, String version, String suite, boolean requiresCertificate, boolean closesTransport,
                   boolean overMemory, String certificate, String key) throws Exception {
    if (keys == null) keys = keys(certificate, key);
    SSLContext context = SSLContext.getInstance("TLS");  // of this session alone: nothing is resumed
    context.init(client ? null : keys, TAKES_ANY, null);
    context.getServerSessionContext().setSessionTimeout(8 * 86400);  // longer than a ticket may live: none is sent
    return overMemory ? new OverEngine(context, transport, client, version, suite, requiresCertificate)
                      : new OverSocket(context, transport, client, version, suite, requiresCertificate, closesTransport);
  }

  // Whatever becomes of the object, it has no transport any more.
  abstract void leave();

  abstract void handshake();
  abstract void read(byte[] into);
  abstract void write(byte[] from);
  abstract void closeWrite();
  void close() { throw new UnsupportedOperationException(); }
  void limit(int milliseconds) { throw new UnsupportedOperationException(); }

  // What the object says of itself; a socket says nothing.
  int unsent() { return 0; }
  boolean inboundDone() { return false; }
  boolean outboundDone() { return false; }

  interface Call { int make() throws IOException; }

  final void make(Call call) {
    n = errno = 0;
    error = NONE;
    called = ITSELF;
    code = words = "";
    try {
      n = call.make();
      if (n < 0 && error == NONE) error = END;
    } catch (IOException thrown) {
      error = kind(thrown);
      code = thrown instanceof Broken ? "SocketException" : thrown.getClass().getSimpleName();
      words = String.valueOf(thrown.getMessage());
      n = -1;
    }
  }

  private int kind(IOException thrown) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (cause instanceof Broken) {
        errno = ((Broken) cause).errno;
        return SYSTEM;
      }
      if (cause instanceof EOFException) return CUT;
    }
    if (called == CLOSE_INBOUND) return CUT;  // the one thing that it throws for
    String message = String.valueOf(thrown.getMessage());
    for (String told : new String[] {"Received fatal ", "Unknown alert description"})
      if (message.contains(told)) return ALERT;
    if (thrown instanceof SocketTimeoutException) return OTHER;
    return thrown instanceof SocketException ? NOT_NOW : OTHER;
  }
}
